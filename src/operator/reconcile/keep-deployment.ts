import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import type { Replicas } from './desired.ts';
import { lacks } from './difference.ts';
import { type Kept, keepObject } from './keep-object.ts';
import { applyReplicas, replicasToApply, withReplicas } from './keep-replicas.ts';
import type { OwnedObject } from './owned-object.ts';

/** What decides how a Deployment is kept. */
export interface DeploymentRules {
  readonly replicas: Replicas;
  /** Whether its pods may be replaced now. */
  mayRoll(): boolean;
}

/** Applies a Deployment and, under a manager of its own, the number of its pods. */
export async function keepDeployment(
  api: KubeApi,
  live: OwnedObject | undefined,
  wanted: KubernetesObject,
  { replicas, mayRoll }: DeploymentRules,
): Promise<Kept | 'waiting'> {
  if (live === undefined) {
    const kept = await keepObject(api, undefined, withReplicas(wanted, replicas));
    // At once: the next time we apply the rest of it without them.
    if (kept === 'created') await applyReplicas(api, wanted, replicas.wanted ?? replicas.first);
    return kept;
  }
  const count = replicasToApply(live, replicas);
  if (count !== undefined) await applyReplicas(api, wanted, count);
  if (!lacks(live, wanted)) return count === undefined ? 'unchanged' : 'changed';
  return mayRoll() ? await keepObject(api, live, wanted) : 'waiting';
}
