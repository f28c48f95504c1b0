import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { Replicas } from './desired.ts';
import type { Keeper } from './keep-object.ts';
import { type OwnedObject, REPLICAS_MANAGER } from './owned-object.ts';

/** The number of pods to apply to a Deployment that is there; `undefined` when it is to be left alone. */
export function replicasToApply({ spec, replicasAreHeld }: OwnedObject, { wanted }: Replicas): number | undefined {
  const now = spec?.replicas ?? 1;
  if (wanted !== undefined && wanted !== now) return wanted;
  return replicasAreHeld ? undefined : now;
}

/**
 * Applies the number of pods of a Deployment; false when that was done a moment ago, or somebody else has set another.
 */
export async function applyReplicas(
  { api, attempts, signal }: Keeper,
  { apiVersion, kind, metadata }: KubernetesObject,
  replicas: number,
  { wanted }: Replicas,
): Promise<boolean> {
  const { name, namespace } = metadata;
  const identity = { name, ...(namespace === undefined ? {} : { namespace }) };
  const object = { apiVersion, kind, metadata: identity, spec: { replicas } };
  // A number that the resource does not ask for is only to be held; who has set another since holds that.
  const force = wanted !== undefined;
  const write = () => api.apply(object, { fieldManager: REPLICAS_MANAGER, force, signal });
  try {
    return (await attempts.make('replicas', String(replicas), write)) !== undefined;
  } catch (error) {
    if (!force && error instanceof KubeError && error.status === 409) return false;
    throw error;
  }
}

/** A Deployment that is still to be made, with the number of pods that it begins with. */
export function withReplicas(deployment: KubernetesObject, { wanted, first }: Replicas): KubernetesObject {
  const { spec } = deployment as { readonly spec?: object };
  return { ...deployment, spec: { ...spec, replicas: wanted ?? first } } as KubernetesObject;
}
