import type { Logger } from 'pino';

const PAUSE_MS = 10_000;

/** Logs why callers are refused, a line in 10 s at most: anybody who reaches the port can be refused as often as he likes. */
export function createRefusalLog(log: Logger, clock: () => number): (why: string) => void {
  let nextAt = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  return function refused(why) {
    const now = clock();
    if (now < nextAt) {
      unsaid++;
      return;
    }
    log.warn({ reason: why, alsoRefused: unsaid }, 'Refused caller of metrics API');
    nextAt = now + PAUSE_MS;
    unsaid = 0;
  };
}
