import type { FleetPod } from '../pods/fleet-pod.ts';
import { largestCap } from '../readings/largest-cap.ts';
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
  const most = largestCap(counted);
  return counted.flatMap(({ pod, reading, fresh, young }) => {
    if (pod.goneAt !== undefined || pod.cost.foreign) return [];
    const said = reading?.report.exported ?? 0;
    return [{ pod, connections: fresh || young ? said : Math.max(said, reading?.report.max ?? most) }];
  });
}

/** Steps that a pod which goes may hold more than the emptiest one: connections come and go between two writes. */
const SLACK_STEPS = 3;
const LEAST_SLACK = 2;

/**
 * Whether a ReplicaSet that loses `count` pods would lose those that hold the least, give or take a little. It takes
 * those first that are not Ready, then those of the lowest cost; among equals it may take any.
 */
export function losesTheEmptiest(candidates: readonly Candidate[], count: number, maxConnections: number): boolean {
  const { gone, least } = inOrder(candidates);
  const slack = slackOf(maxConnections);
  // All of them leaves no choice.
  if (count <= 0 || count >= candidates.length) return true;
  return Math.max(...gone.slice(0, count)) <= (least[count - 1] ?? 0) + slack;
}

/** Whether that is so however many it loses. */
export function alwaysLosesTheEmptiest(candidates: readonly Candidate[], maxConnections: number): boolean {
  const { gone, least } = inOrder(candidates);
  const slack = slackOf(maxConnections);
  let fullest = 0;
  return gone.every((connections, index) => {
    fullest = Math.max(fullest, connections);
    return index === gone.length - 1 || fullest <= (least[index] ?? 0) + slack;
  });
}

const slackOf = (maxConnections: number) => Math.max(LEAST_SLACK, SLACK_STEPS * costStep(maxConnections));

/** What the pods hold, in the least fortunate order in which they may go, and from the emptiest on. */
function inOrder(candidates: readonly Candidate[]): { readonly gone: number[]; readonly least: number[] } {
  const gone = candidates
    .toSorted(
      (a, b) =>
        Number(a.pod.ready) - Number(b.pod.ready) ||
        a.pod.cost.value - b.pod.cost.value ||
        b.connections - a.connections,
    )
    .map(({ connections }) => connections);
  return { gone, least: gone.toSorted((a, b) => a - b) };
}
