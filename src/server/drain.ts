import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from './legacy/session.ts';
import type { Lifecycle } from './lifecycle.ts';

export interface DrainOptions {
  readonly lifecycle: Lifecycle;
  /** Milliseconds to go on serving, until no proxy sends new work here. */
  readonly drainDelay: number;
  /** Milliseconds over which open streams are closed. */
  readonly drainWindow: number;
  /** Milliseconds that calls in flight get. */
  readonly longestCall: number;
  readonly sessions: Iterable<Session> & { readonly size: number };
  readonly listens: { endListens(pause: () => Promise<void>): Promise<void> } | undefined;
  readonly openStreams: () => number;
  readonly callsInFlight: () => number;
}

/** What a drain did, for the log and the exit code. */
export interface DrainReport {
  readonly sessionsClosed: number;
  readonly callsFinished: number;
  readonly callsCut: number;
}

/** How often the end of the last call is looked for. */
const POLL_MS = 50;

/**
 * Brings everything to its end, phase after phase: go on serving while proxies learn of it, close streams at a steady
 * pace, let calls finish. `hurry` cuts it short.
 */
export async function drain(options: DrainOptions, hurry: AbortSignal): Promise<DrainReport> {
  const { lifecycle, drainDelay, drainWindow, longestCall, sessions, callsInFlight } = options;
  const pause = (milliseconds: number) => sleep(milliseconds, undefined, { signal: hurry }).catch(() => {});
  lifecycle.enter('leaving');
  await pause(drainDelay);
  lifecycle.enter('closing');
  const callsAtClosing = callsInFlight();
  await closeStreams(options, drainWindow, pause);
  const deadline = performance.now() + longestCall;
  while (callsInFlight() > 0 && performance.now() < deadline && !hurry.aborted) await pause(POLL_MS);
  const callsCut = callsInFlight();
  const sessionsClosed = sessions.size;
  for (const session of sessions) session.end('drained');
  return { sessionsClosed, callsFinished: Math.max(0, callsAtClosing - callsCut), callsCut };
}

/** Closes standalone streams and listeners one by one over the window, so that their clients do not all come at once. */
async function closeStreams(
  { sessions, listens, openStreams }: DrainOptions,
  window: number,
  pause: (milliseconds: number) => Promise<void>,
): Promise<void> {
  const streams = openStreams();
  if (streams === 0) return;
  const step = () => pause(window / streams);
  for (const session of sessions) {
    if (!session.listening) continue;
    session.sendAway();
    await step();
  }
  await listens?.endListens(step);
}
