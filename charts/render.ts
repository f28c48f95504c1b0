import type { Values } from '../src/values/schema.ts';
import { adapterRule } from './adapter-rule.ts';
import { autoscaler } from './autoscaler.ts';
import { deployment } from './deployment.ts';
import { disruptionBudget } from './disruption-budget.ts';
import { httpRoute } from './http-route.ts';
import { ingress } from './ingress.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { networkPolicy } from './network-policy.ts';
import { peerService } from './peer-service.ts';
import type { RenderOptions } from './render-options.ts';
import { scaledObject } from './scaled-object.ts';
import { service } from './service.ts';
import { serviceAccount } from './service-account.ts';

/** The Kubernetes objects that values describe, in the order in which they should be applied. Pure. */
export function render(values: Values, options: RenderOptions = {}): KubernetesObject[] {
  return [
    ...(values.networkPolicy.enabled ? [networkPolicy(values, options)] : []),
    ...(values.serviceAccount.create ? [serviceAccount(values)] : []),
    service(values),
    peerService(values),
    deployment(values),
    ...(values.podDisruptionBudget.enabled ? [disruptionBudget(values)] : []),
    ...(values.autoscaling.enabled ? autoscaling(values, options) : []),
    ...(values.ingress.enabled ? [ingress(values)] : []),
    ...(values.httpRoute.enabled ? [httpRoute(values)] : []),
    ...(values.extraObjects as unknown as KubernetesObject[]),
  ];
}

function autoscaling(values: Values, options: RenderOptions): KubernetesObject[] {
  switch (values.autoscaling.source) {
    case 'operator':
      return [autoscaler(values, options)];
    case 'keda':
      return [scaledObject(values)];
    case 'prometheus-adapter':
      return [adapterRule(values), autoscaler(values, options)];
  }
}
