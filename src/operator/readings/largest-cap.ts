import type { Counted } from './readings.ts';

/** The largest cap of a fleet's pods; during a rollout there may be two. */
export function largestCap(counted: readonly Counted[]): number {
  return counted.reduce((most, { reading }) => Math.max(most, reading?.report.max ?? 1), 1);
}
