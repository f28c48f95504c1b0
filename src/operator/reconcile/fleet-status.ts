import { conditionsFrom, type Observed, verdictsOn } from './conditions.ts';
import type { FleetStatus } from './mcp-fleet-resource.ts';

/** The status that a fleet of a generation should show, after what it has shown before. */
export function statusOf(
  generation: number,
  before: Partial<FleetStatus>,
  observed: Observed,
  selector: string,
  now: Date,
): FleetStatus {
  const { status } = observed.deployment ?? {};
  return {
    observedGeneration: generation,
    replicas: status?.replicas ?? 0,
    readyReplicas: status?.readyReplicas ?? 0,
    selector,
    connections: observed.occupancy?.connections ?? 0,
    capacity: observed.occupancy?.capacity ?? 0,
    conditions: conditionsFrom(verdictsOn(observed), before.conditions ?? [], generation, now),
  };
}

/**
 * Whether a status says more than other numbers of connections, or the same in other words: then it should be seen at
 * once.
 */
export function saysMore(now: FleetStatus, before: Partial<FleetStatus>): boolean {
  const said = ({ conditions = [], observedGeneration, replicas, readyReplicas, selector }: Partial<FleetStatus>) =>
    JSON.stringify([
      ...[observedGeneration, replicas, readyReplicas, selector],
      ...conditions.map(({ type, status, reason }) => [type, status, reason]),
    ]);
  return said(now) !== said(before);
}

/** Whether there is nothing in a status that is not shown already. */
export function isShown(now: FleetStatus, before: Partial<FleetStatus>): boolean {
  // How many clients wait is no reason to write: the number is another one each time.
  const words = ({ connections, capacity, conditions = [] }: Partial<FleetStatus>) =>
    JSON.stringify([
      ...[connections, capacity],
      ...conditions.map(({ type, message }) => (type === 'AtCapacity' ? '' : message)),
    ]);
  return !saysMore(now, before) && words(now) === words(before);
}
