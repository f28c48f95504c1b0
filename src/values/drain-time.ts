import type { Values } from './schema.ts';
import { effectiveSettings } from './server-values.ts';

/** Time for closing sockets and writing the last log line after the last call. */
export const LAST_STEPS_SECONDS = 5;

/** Seconds that a pod needs from SIGTERM to its end, when its calls take as long as they may. */
export function drainSeconds(values: Pick<Values, 'server'>): number {
  const { drainDelay, drainWindow, longestCall } = effectiveSettings(values.server);
  return Math.ceil((drainDelay + drainWindow + longestCall) / 1000) + LAST_STEPS_SECONDS;
}

/** Seconds that Kubernetes gives a pod to end. */
export function gracePeriodSeconds(values: Pick<Values, 'server' | 'terminationGracePeriodSeconds'>): number {
  return values.terminationGracePeriodSeconds ?? drainSeconds(values);
}
