import type { FleetPod } from '../pods/fleet-pod.ts';
import { largestCap } from '../readings/largest-cap.ts';
import type { Counted } from '../readings/readings.ts';
import { candidatesOf, losesTheEmptiest } from './candidates.ts';
import { costFor } from './cost-step.ts';

/** A pod whose deletion cost is no longer what it should be. */
export interface CostWrite {
  readonly pod: FleetPod;
  readonly cost: number;
  /** Whether the wrong pod would go if the fleet shrank now. */
  readonly urgent: boolean;
}

/** What there is to write for the pods of one fleet; nothing where there is no choice. */
export function planWrites(counted: readonly Counted[]): readonly CostWrite[] {
  const candidates = candidatesOf(counted);
  if (candidates.length < 2) return [];
  const most = largestCap(counted);
  const writes = candidates.flatMap(({ pod, connections }) => {
    const cost = costFor(connections, most);
    return cost === pod.cost.value ? [] : [{ pod, cost }];
  });
  if (writes.length === 0) return [];
  const urgent = !losesTheEmptiest(candidates, 1, most);
  return writes.map((write) => ({ ...write, urgent }));
}
