import type { Counted } from './readings.ts';

/** Why a number may not be told; the autoscaler then leaves the replicas as they are. */
export interface Unavailable {
  readonly unavailable: string;
}

/** Slots that a fleet needs, and when the oldest part of it was seen, in milliseconds since the epoch. */
export interface Demand {
  readonly value: number;
  readonly at: number;
}

/**
 * The slots held by all living pods, draining ones too, and the clients waiting for one. A pod that has been silent for
 * long counts as the larger of what it said last and `target`, or its cap if there is none: enough to keep it.
 */
export function demandOf(counted: readonly Counted[], now: number, target: number | undefined): Demand | Unavailable {
  if (!counted.some(({ fresh }) => fresh)) return { unavailable: 'No pod of the fleet has answered for 30 s.' };
  const most = Math.max(...counted.map(({ reading }) => reading?.report.max ?? 0));
  let value = 0;
  let at = now;
  for (const { reading, fresh, young } of counted) {
    if (fresh) at = Math.min(at, reading?.at ?? at);
    const said = reading?.demandAt(now) ?? 0;
    value += fresh || young ? said : Math.max(said, target ?? reading?.report.max ?? most);
  }
  return { value, at };
}
