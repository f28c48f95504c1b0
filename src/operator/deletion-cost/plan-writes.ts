import type { FleetPod } from '../pods/fleet-pod.ts';
import type { Counted } from '../readings/readings.ts';
import { candidatesOf } from './candidates.ts';
import { costFor, ranksByConnections } from './deletion-cost.ts';

/** A pod whose deletion cost is no longer what it should be. */
export interface CostWrite {
  readonly pod: FleetPod;
  readonly cost: number;
  /** Whether the wrong pod would go if the fleet shrank now. */
  readonly urgent: boolean;
}

/** What there is to write for the pods of one fleet; nothing where there is no choice, or where somebody else writes. */
export function planWrites(counted: readonly Counted[]): readonly CostWrite[] {
  if (counted.some(({ pod }) => pod.cost.foreign)) return [];
  const candidates = candidatesOf(counted);
  if (candidates.length < 2) return [];
  const urgent = !ranksByConnections(candidates);
  return candidates.flatMap(({ pod, connections, maxConnections, cost: now }) => {
    const cost = costFor(connections, maxConnections);
    return cost === now ? [] : [{ pod, cost, urgent }];
  });
}
