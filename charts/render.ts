import type { Values } from '../src/values/schema.ts';
import { autoscaler } from './autoscaler.ts';
import { deployment } from './deployment.ts';
import { disruptionBudget } from './disruption-budget.ts';
import { httpRoute } from './http-route.ts';
import { ingress } from './ingress.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { networkPolicy } from './network-policy.ts';
import { peerService } from './peer-service.ts';
import { service } from './service.ts';
import { serviceAccount } from './service-account.ts';

/** The Kubernetes objects that values describe, in the order in which they should be applied. Pure. */
export function render(values: Values): KubernetesObject[] {
  const { autoscaling, podDisruptionBudget } = values;
  return [
    ...(values.networkPolicy.enabled ? [networkPolicy(values)] : []),
    ...(values.serviceAccount.create ? [serviceAccount(values)] : []),
    service(values),
    peerService(values),
    deployment(values),
    ...(podDisruptionBudget.enabled ? [disruptionBudget(values)] : []),
    ...(autoscaling.enabled ? [autoscaler(values)] : []),
    ...(values.ingress.enabled ? [ingress(values)] : []),
    ...(values.httpRoute.enabled ? [httpRoute(values)] : []),
    ...(values.extraObjects as unknown as KubernetesObject[]),
  ];
}
