import type { Values } from './schema.ts';
import { effectiveSettings } from './server-values.ts';

/** Time for closing sockets and writing the last log line after the last call. */
export const LAST_STEPS_SECONDS = 5;

/** Time for the processes of a command to end by themselves, or for a sidecar, which is told only once berth has ended. */
export const SERVER_END_SECONDS = 5;

/** Seconds that a pod needs from SIGTERM to its end, when its calls take as long as they may. */
export function drainSeconds({ server, sidecar }: Pick<Values, 'server' | 'sidecar'>): number {
  const { drainDelay, drainWindow, longestCall } = effectiveSettings(server);
  const outlivesCalls = server.command !== undefined || sidecar !== undefined;
  const lastSteps = LAST_STEPS_SECONDS + (outlivesCalls ? SERVER_END_SECONDS : 0);
  return Math.ceil((drainDelay + drainWindow + longestCall) / 1000) + lastSteps;
}

/** Seconds that Kubernetes gives a pod to end. */
export function gracePeriodSeconds(
  values: Pick<Values, 'server' | 'sidecar' | 'terminationGracePeriodSeconds'>,
): number {
  return values.terminationGracePeriodSeconds ?? drainSeconds(values);
}
