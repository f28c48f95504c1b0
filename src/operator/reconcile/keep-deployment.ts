import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import type { Replicas } from './desired.ts';
import { applyObject, isKept, type Keeper, type Kept } from './keep-object.ts';
import { applyReplicas, replicasToApply, withReplicas } from './keep-replicas.ts';
import type { OwnedObject } from './owned-object.ts';

/** What decides how a Deployment is kept. */
export interface DeploymentRules {
  readonly replicas: Replicas;
  /** What to apply to a Deployment that lacks something; `undefined` while its pods may not be replaced. */
  toApply(live: OwnedObject): KubernetesObject | undefined;
}

/** Applies a Deployment and, under a manager of its own, the number of its pods. */
export async function keepDeployment(
  keeper: Keeper,
  live: OwnedObject | undefined,
  wanted: KubernetesObject,
  { replicas, toApply }: DeploymentRules,
): Promise<Kept | 'waiting'> {
  if (live === undefined) {
    const kept = await applyObject(keeper, undefined, wanted, withReplicas(wanted, replicas));
    // At once: the next time we apply the rest of it without them.
    if (kept === 'created') await applyReplicas(keeper, wanted, replicas.wanted ?? replicas.first, replicas);
    return kept;
  }
  const count = replicasToApply(live, replicas);
  // Before all else, which is applied without the number: nobody else may hold it.
  const scaled = count !== undefined && (await applyReplicas(keeper, wanted, count, replicas));
  const kept = await keepRest(keeper, live, wanted, toApply);
  return kept === 'unchanged' && scaled ? 'changed' : kept;
}

async function keepRest(
  keeper: Keeper,
  live: OwnedObject,
  wanted: KubernetesObject,
  toApply: DeploymentRules['toApply'],
): Promise<Kept | 'waiting'> {
  if (isKept(keeper, live, wanted)) return 'unchanged';
  const body = toApply(live);
  return body === undefined ? 'waiting' : await applyObject(keeper, live, wanted, body);
}
