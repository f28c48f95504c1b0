import type { FleetPod } from '../pods/fleet-pod.ts';
import type { Counted } from '../readings/readings.ts';
import { costStep } from './cost-step.ts';

/** A pod that a scale-down may choose. */
export interface Candidate {
  readonly pod: Pick<FleetPod, 'ready' | 'cost'>;
  /** What it holds; of a pod that is silent the worst is supposed. */
  readonly connections: number;
}

/** The pods that a scale-down may choose, but for those that somebody else has marked. */
export function candidatesOf(counted: readonly Counted[]): readonly (Candidate & { readonly pod: FleetPod })[] {
  const most = mostConnections(counted);
  return counted.flatMap(({ pod, reading, fresh, young }) => {
    if (pod.goneAt !== undefined || pod.cost.foreign) return [];
    const said = reading?.report.exported ?? 0;
    return [{ pod, connections: fresh || young ? said : Math.max(said, reading?.report.max ?? most) }];
  });
}

/** The largest cap in a fleet; during a rollout there may be two. */
export function mostConnections(counted: readonly Counted[]): number {
  return Math.max(1, ...counted.map(({ reading }) => reading?.report.max ?? 1));
}

/** Steps that a pod which goes may hold more than the emptiest one: connections come and go between two writes. */
const SLACK_STEPS = 3;
const LEAST_SLACK = 2;

/**
 * Whether a ReplicaSet that loses `count` pods would lose those that hold the least, give or take a little. It takes
 * those first that are not Ready, then those of the lowest cost; among equals it may take any.
 */
export function losesTheEmptiest(candidates: readonly Candidate[], count: number, maxConnections: number): boolean {
  if (count <= 0) return true;
  if (count >= candidates.length) return true;
  const first = candidates.toSorted(
    (a, b) =>
      Number(a.pod.ready) - Number(b.pod.ready) || a.pod.cost.value - b.pod.cost.value || b.connections - a.connections,
  );
  const fullest = Math.max(...first.slice(0, count).map(({ connections }) => connections));
  const emptiest = candidates.map(({ connections }) => connections).sort((a, b) => a - b);
  const slack = Math.max(LEAST_SLACK, SLACK_STEPS * costStep(maxConnections));
  return fullest <= (emptiest[count - 1] ?? 0) + slack;
}
