import { conditionsFrom, type Observed, verdictsOn } from './conditions.ts';
import type { FleetStatus, McpFleetResource } from './mcp-fleet-resource.ts';

/** The status that a fleet should show. */
export function statusOf(
  { metadata: { generation = 0 }, status: before }: McpFleetResource,
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
    conditions: conditionsFrom(verdictsOn(observed), before?.conditions ?? [], generation, now),
  };
}

/** Whether a status says more than other numbers of connections: then it should be seen at once. */
export function saysMore(now: FleetStatus, before: Partial<FleetStatus> = {}): boolean {
  const said = ({ conditions = [], observedGeneration, replicas, readyReplicas, selector }: Partial<FleetStatus>) =>
    JSON.stringify([
      ...[observedGeneration, replicas, readyReplicas, selector],
      ...conditions.map(({ type, status, reason, message }) => [
        type,
        status,
        reason,
        type === 'AtCapacity' || message,
      ]),
    ]);
  return said(now) !== said(before);
}

/** Whether there is nothing in a status that is not shown already. */
export function isShown(now: FleetStatus, before: Partial<FleetStatus> = {}): boolean {
  const { connections, capacity } = before;
  return !saysMore(now, before) && now.connections === connections && now.capacity === capacity;
}
