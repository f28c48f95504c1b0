import { z } from 'zod';

const MOST = 10_000_000;
const count = z.int().min(0).max(MOST);

/** The part of a pod's `GET /connections` that is gone by; whatever else is there is left alone. */
const reportSchema = z.object({
  active: count,
  activeMean: z.number().min(0).max(MOST),
  max: count.min(1),
  waiting: count,
  refused: z.object({ capacity: count, pressure: count.default(0), returning: count, draining: count }),
  sessions: z.object({ parked: count }),
  maxParked: count.min(1).optional(),
});

/** What a pod says of its connections. */
export interface Report {
  /** Slots held at this moment. */
  readonly active: number;
  /** Slots held as the pod exports them: short modern requests as a mean. */
  readonly exported: number;
  readonly max: number;
  /** Requests that wait for a slot. */
  readonly waiting: number;
  /** Requests for a slot that were refused, since the pod began. */
  readonly refused: number;
  readonly parked: number;
  /** Records of parked sessions that the pod can keep; none where they are safe elsewhere. */
  readonly maxParked: number | undefined;
}

/** Reads a pod's answer; `undefined` when it is anything else. */
export function parseReport(body: string): Report | undefined {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return undefined;
  }
  const { success, data } = reportSchema.safeParse(json);
  if (!success) return undefined;
  const { active, activeMean, max, waiting, refused, sessions, maxParked } = data;
  return {
    ...{ active, max, waiting, maxParked },
    exported: activeMean,
    refused: refused.capacity + refused.pressure + refused.returning + refused.draining,
    parked: sessions.parked,
  };
}
