import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import type { OwnedObject } from './owned-object.ts';

/** What belongs to a fleet and is no longer wanted, by when it may go. */
export interface Surplus {
  /** Autoscalers: they would set another number of pods, and KEDA takes no second one. */
  readonly first: readonly OwnedObject[];
  /** What others send clients to, once what replaces it is there. */
  readonly last: readonly OwnedObject[];
  /** What pods of before still need. */
  readonly onceRolledOut: readonly OwnedObject[];
}

const AUTOSCALERS = new Set(['HorizontalPodAutoscaler', 'ScaledObject']);
const NEEDED_BY_PODS = new Set(['ServiceAccount']);

/** Finds what belongs to a fleet and is not among what it wants. */
export function surplusOf(owned: readonly OwnedObject[], wanted: readonly KubernetesObject[]): Surplus {
  const names = new Set(wanted.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
  const surplus = owned.filter(
    ({ kind, metadata }) => !names.has(`${kind} ${metadata.name}`) && metadata.deletionTimestamp === undefined,
  );
  const {
    first = [],
    last = [],
    onceRolledOut = [],
  } = Object.groupBy(surplus, ({ kind }) => {
    if (AUTOSCALERS.has(kind)) return 'first';
    return NEEDED_BY_PODS.has(kind) ? 'onceRolledOut' : 'last';
  });
  return { first, last, onceRolledOut };
}
