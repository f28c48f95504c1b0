import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { APPLIED, type Replicas } from './desired.ts';
import { applyObject, isKept, type Keeper, type Kept } from './keep-object.ts';
import { applyReplicas, replicasToApply, withReplicas } from './keep-replicas.ts';
import type { OwnedObject } from './owned-object.ts';

/** What decides how a Deployment is kept. */
export interface DeploymentRules {
  readonly replicas: Replicas;
  /** What to apply to a Deployment that lacks something; `undefined` while its pods may not be replaced. */
  toApply(live: OwnedObject): KubernetesObject | undefined;
  /** Whether a Deployment that lacks nothing has something of ours beside its template that is no longer wanted. */
  hasTooMuch(live: OwnedObject): boolean;
}

/** Applies a Deployment and, under a manager of its own, the number of its pods. */
export async function keepDeployment(
  keeper: Keeper,
  live: OwnedObject | undefined,
  wanted: KubernetesObject,
  rules: DeploymentRules,
): Promise<Kept | 'waiting'> {
  const { replicas } = rules;
  if (live === undefined) {
    const kept = await applyObject(keeper, undefined, wanted, withReplicas(wanted, replicas));
    // At once: the next time we apply the rest of it without them.
    if (kept === 'created') await applyReplicas(keeper, wanted, replicas.wanted ?? replicas.first, replicas);
    return kept;
  }
  const count = replicasToApply(live, replicas);
  // Before all else, which is applied without the number: nobody else may hold it.
  const scaled = count !== undefined && (await applyReplicas(keeper, wanted, count, replicas));
  const kept = await keepRest(keeper, live, wanted, rules);
  return kept === 'unchanged' && scaled ? 'changed' : kept;
}

async function keepRest(
  keeper: Keeper,
  live: OwnedObject,
  wanted: KubernetesObject,
  { toApply, hasTooMuch }: DeploymentRules,
): Promise<Kept | 'waiting'> {
  if (isKept(keeper, live, wanted)) {
    if (hasTooMuch(live)) await tidy(keeper, live, wanted);
    return 'unchanged';
  }
  const body = toApply(live);
  return body === undefined ? 'waiting' : await applyObject(keeper, live, wanted, body);
}

/** Applies nothing but what is wanted, so that what we alone hold beside it goes. No pod is replaced for that. */
async function tidy(keeper: Keeper, live: OwnedObject, wanted: KubernetesObject): Promise<void> {
  const { attempts } = keeper;
  const [place, mark] = [
    `nothing beside Deployment ${wanted.metadata.name}`,
    wanted.metadata.annotations?.[APPLIED] ?? '',
  ];
  if (attempts.isAsAnswered(place, mark, HELD_BY_OTHERS)) return;
  const kept = await attempts.make(place, mark, () => applyObject(keeper, live, wanted));
  // Somebody else holds it as well, and would each time.
  if (kept === 'unchanged') attempts.answered(place, HELD_BY_OTHERS);
}

const HELD_BY_OTHERS = 'held by others';
