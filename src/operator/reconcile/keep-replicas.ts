import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import type { Replicas } from './desired.ts';
import type { OwnedObject } from './owned-object.ts';

/**
 * Who applies the number of pods, and nothing else. The other manager of ours never does: a field that its last manager
 * lets go of falls back to its default, which is one pod.
 */
const REPLICAS_MANAGER = 'berth-operator-replicas';

/** The number of pods to apply to a Deployment that is there; `undefined` when it is to be left alone. */
export function replicasToApply({ spec, replicasAreHeld }: OwnedObject, { wanted }: Replicas): number | undefined {
  const now = spec?.replicas ?? 1;
  if (wanted !== undefined && wanted !== now) return wanted;
  return replicasAreHeld ? undefined : now;
}

/** Applies the number of pods of a Deployment. */
export async function applyReplicas(api: KubeApi, deployment: KubernetesObject, replicas: number): Promise<void> {
  const { apiVersion, kind, metadata } = deployment;
  const { name, namespace } = metadata;
  const identity = { name, ...(namespace === undefined ? {} : { namespace }) };
  const object = { apiVersion, kind, metadata: identity, spec: { replicas } };
  await api.apply(object, { fieldManager: REPLICAS_MANAGER, force: true });
}

/** A Deployment that is still to be made, with the number of pods that it begins with. */
export function withReplicas(deployment: KubernetesObject, { wanted, first }: Replicas): KubernetesObject {
  const { spec } = deployment as { readonly spec?: object };
  return { ...deployment, spec: { ...spec, replicas: wanted ?? first } } as KubernetesObject;
}
