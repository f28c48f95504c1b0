import type { FleetPod } from '../pods/fleet-pod.ts';
import type { Counted } from '../readings/readings.ts';
import { type Candidate, ranksByConnections } from './deletion-cost.ts';

/** A pod that a scale-down may choose, and what is known of it. */
export interface KnownCandidate extends Candidate {
  readonly pod: FleetPod;
}

/** The pods that a scale-down may choose and of which it is known what they hold. */
export function candidatesOf(counted: readonly Counted[]): readonly KnownCandidate[] {
  return counted.flatMap(({ pod, reading, fresh }) => {
    if (pod.terminating || !fresh || reading === undefined) return [];
    const { active: connections, max: maxConnections } = reading.report;
    return [{ pod, connections, maxConnections, cost: pod.cost.value }];
  });
}

/** Whether a smaller fleet would lose its emptiest pods first, or somebody else has seen to which ones it loses. */
export function mayShrink(counted: readonly Counted[]): boolean {
  return counted.some(({ pod }) => pod.cost.foreign) || ranksByConnections(candidatesOf(counted));
}
