import { largestCap } from './largest-cap.ts';
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
 * long counts as the larger of what it said last and `target`, or its cap if there is none: enough to keep it. But as with
 * the pods that an autoscaler misses, silence damps and never drives: it adds nothing beyond what keeps the pods there are.
 */
export function demandOf(counted: readonly Counted[], now: number, target: number | undefined): Demand | Unavailable {
  if (!counted.some(({ fresh }) => fresh)) return { unavailable: 'No pod of the fleet has answered for 30 s.' };
  const most = largestCap(counted);
  let [said, silent, parked, at] = [0, 0, 0, now];
  for (const { pod, reading, fresh, young } of counted) {
    const its = reading?.demandAt(now) ?? 0;
    said += its;
    parked += reading?.parkedShare ?? 0;
    if (fresh) at = Math.min(at, reading?.at ?? at);
    else if (!young && pod.goneAt === undefined) silent += Math.max(0, (target ?? reading?.report.max ?? most) - its);
  }
  const staying = counted.filter(({ pod }) => pod.goneAt === undefined).length;
  const keepingAll = target === undefined ? Number.POSITIVE_INFINITY : target * staying;
  const slots = Math.max(said, Math.min(said + silent, keepingAll));
  // Pods that go hand over their parked sessions as well, which need a place, if no slot.
  return { value: Math.max(slots, parked * most), at };
}
