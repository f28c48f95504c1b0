import { once } from 'node:events';
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
  readonly sessions: Iterable<Session> & {
    readonly size: number;
    readonly parkable: boolean;
    readonly parked: Iterable<{ readonly record: { readonly id: string } }>;
    endAll(reason: 'drained'): number;
  };
  /** Sessions that are streams, which can only be closed; none where that transport is not served. */
  readonly sse: DrainStreams | undefined;
  /** The other pods; none for a server that is alone. */
  readonly fleet: DrainFleet | undefined;
  readonly listens: { endListens(pause: () => Promise<void>): Promise<void> } | undefined;
  readonly openStreams: () => number;
  readonly callsInFlight: () => number;
  /** Ends the clients' connections on which nothing happens. */
  closeIdle(): void;
}

/** What a drain asks of sessions that are streams. */
export interface DrainStreams extends Iterable<{ sendAway(): void }> {
  endAll(reason: 'drained'): void;
  readonly drained: number;
}

/** What a drain asks of the fleet. */
export interface DrainFleet {
  /** Tells the others in which phase this pod is; `hurry` ends attempts to tell those who are too busy to hear it. */
  announce(hurry: AbortSignal): Promise<void>;
  /** Hands a session over; resolves false when it stays, which it does when `until` is aborted. */
  move(id: string, until: AbortSignal): Promise<boolean>;
  /** Closes the streams of other pods' sessions that run through this one. */
  closeRelays(pause: () => Promise<void>): Promise<void>;
  /** Resolves when no session is on its way. */
  settled(): Promise<void>;
  readonly handedOver: number;
  /** Whether there is a pod that takes sessions now. */
  readonly takesSessions: boolean;
  /** Whether there is, or may come, a pod to hand sessions to. */
  readonly hopeful: boolean;
}

/** What a drain did, for the log and the exit code. */
export interface DrainReport {
  readonly sessionsHandedOver: number;
  readonly sessionsClosed: number;
  readonly callsFinished: number;
  readonly callsCut: number;
}

/** How often the end of the last call, and a pod to hand sessions to, is looked for. */
const POLL_MS = 50;
/** Sessions without a stream that are handed over at once: their clients notice nothing. */
const MOVES_AT_ONCE = 16;

/**
 * Brings everything to its end, phase after phase: go on serving while proxies learn of it, hand sessions over and close
 * streams at a steady pace, let calls finish. `hurry` cuts it short.
 */
export async function drain(options: DrainOptions, hurry: AbortSignal): Promise<DrainReport> {
  const { lifecycle, drainDelay, drainWindow, longestCall, sessions, sse, fleet, callsInFlight } = options;
  const pause = async (milliseconds: number) => {
    if (milliseconds > 0) await sleep(milliseconds, undefined, { signal: hurry }).catch(() => {});
  };
  lifecycle.enter('leaving');
  await Promise.all([fleet?.announce(hurry), pause(drainDelay)]);
  lifecycle.enter('closing');
  const windowEnd = performance.now() + drainWindow;
  await fleet?.announce(hurry);
  const callsAtClosing = callsInFlight();
  const handedOverBefore = fleet?.handedOver ?? 0;
  const drainedBefore = sse?.drained ?? 0;
  const end = windowEnd + longestCall;
  const turn = createPace(options.openStreams(), windowEnd, pause);
  const over = () => hurry.aborted || performance.now() >= end;
  const until = AbortSignal.any([hurry, AbortSignal.timeout(timeTo(end))]);
  const idle = () => callsInFlight() === 0;
  const settled = () => idle() && ![...sessions].some(({ settling }) => settling);
  // A stream from before the drain leaves its client a socket that seems good: what came on it now could not be finished.
  const closingIdle = setInterval(() => {
    if (performance.now() >= windowEnd) options.closeIdle();
  }, POLL_MS);
  await Promise.all([
    closeStreams(options, turn),
    fleet &&
      handOver({
        sessions,
        fleet,
        turn,
        pause,
        over,
        until,
        pointless: () => over() || (settled() && (performance.now() >= windowEnd || !fleet.hopeful)),
      }),
  ]);
  const callsOver = async () => {
    while (!idle() && !over()) await pause(POLL_MS);
  };
  await callsOver();
  await unless(until, fleet?.settled());
  // Those that came through this pod since.
  await fleet?.closeRelays(async () => {});
  await callsOver();
  clearInterval(closingIdle);
  const callsCut = callsInFlight();
  // Those whose owners could not be asked to, or that calls have held up to now.
  await fleet?.closeRelays(async () => {});
  sse?.endAll('drained');
  const sessionsClosed = sessions.endAll('drained') + (sse?.drained ?? 0) - drainedBefore;
  return {
    sessionsHandedOver: (fleet?.handedOver ?? 0) - handedOverBefore,
    sessionsClosed,
    callsFinished: Math.max(0, callsAtClosing - callsCut),
    callsCut,
  };
}

/** Waits for something, but not for much longer than there is time; what gives up in time is still waited for. */
async function unless(until: AbortSignal, something: Promise<unknown> | undefined): Promise<void> {
  const done = new AbortController();
  const late = async () => {
    if (!until.aborted) await once(until, 'abort', { signal: done.signal });
    await sleep(POLL_MS, undefined, { signal: done.signal });
  };
  await Promise.race([something, late().catch(() => {})]);
  done.abort();
}

/** Milliseconds until then, as far as a timer can wait. */
function timeTo(end: number): number {
  return Math.min(Math.max(0, Math.ceil(end - performance.now())), 2 ** 31 - 1);
}

/** Spreads so many turns evenly over what is left of the window; afterwards everybody's turn has come. */
function createPace(
  streams: number,
  windowEnd: number,
  pause: (milliseconds: number) => Promise<void>,
): () => Promise<void> {
  let next = performance.now();
  let left = streams;
  return async () => {
    const now = performance.now();
    const turn = Math.max(now, next);
    next = turn + Math.max(0, windowEnd - turn) / Math.max(1, left--);
    await pause(turn - now);
  };
}

/** Closes the streams that nothing is handed over with: of sessions that stay, of listeners, and of other pods' sessions. */
async function closeStreams(
  { sessions, sse, fleet, listens, openStreams }: DrainOptions,
  turn: () => Promise<void>,
): Promise<void> {
  if (openStreams() === 0) return;
  const staying = fleet !== undefined && sessions.parkable ? [] : sessions;
  for (const session of staying) {
    if (!session.listening) continue;
    await turn();
    session.sendAway();
  }
  for (const session of sse ?? []) {
    await turn();
    session.sendAway();
  }
  await Promise.all([listens?.endListens(turn), fleet?.closeRelays(turn)]);
}

interface HandOverOptions {
  readonly sessions: DrainOptions['sessions'];
  readonly fleet: DrainFleet;
  /** Resolves when the next stream may be closed. */
  turn(): Promise<void>;
  pause(milliseconds: number): Promise<void>;
  /** Whether the time for it is up. */
  over(): boolean;
  /** Aborted when it is. */
  readonly until: AbortSignal;
  /** Whether what could not be handed over by now never will be. */
  pointless(): boolean;
}

/** Hands sessions over as their calls end, until none is left or there is no point any more. */
async function handOver(options: HandOverOptions): Promise<void> {
  const { sessions, fleet, turn, pause, over, until, pointless } = options;
  if (!sessions.parkable) return;
  const move = (id: string) => unless(until, fleet.move(id, until));
  for (;;) {
    // One that is on its way for its client's sake is in no list, and may come back.
    await unless(until, fleet.settled());
    // Asked first: what the last call left behind is still handed over.
    const last = pointless();
    const all = [...sessions];
    if (last) for (const session of all) session.giveUpAsking();
    const quiet = [...sessions.parked].map(({ record }) => record.id);
    quiet.push(...all.filter((session) => session.restable && !session.listening).map(({ record }) => record.id));
    await eachOf(quiet, MOVES_AT_ONCE, over, move);
    for (const session of all) {
      // A turn that is taken while nobody takes sessions is lost to those who could go later.
      if (!session.restable || !session.listening || over() || !fleet.takesSessions) continue;
      await turn();
      await move(session.record.id);
    }
    await unless(until, fleet.settled());
    if (sessions.size === 0 && !sessions.parked[Symbol.iterator]().next().value) return;
    if (last) return;
    await pause(POLL_MS);
  }
}

async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  over: () => boolean,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined && !over(); item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
