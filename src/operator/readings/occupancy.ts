import type { Counted } from './readings.ts';

/** What the pods of a fleet hold together. */
export interface Occupancy {
  /** Slots held. */
  readonly connections: number;
  /** Slots that the pods that stay have. */
  readonly capacity: number;
  /** Clients that were refused of late or wait for a slot. */
  readonly waiting: number;
}

/** Adds up what the pods said last; `undefined` when none has said anything. */
export function occupancyOf(counted: readonly Counted[], now: number): Occupancy | undefined {
  let occupancy: Occupancy | undefined;
  for (const { pod, reading } of counted) {
    if (reading === undefined) continue;
    const { connections, capacity, waiting } = occupancy ?? { connections: 0, capacity: 0, waiting: 0 };
    occupancy = {
      connections: connections + reading.report.active,
      capacity: capacity + (pod.goneAt !== undefined ? 0 : reading.report.max),
      waiting: waiting + reading.waitingAt(now),
    };
  }
  return occupancy;
}
