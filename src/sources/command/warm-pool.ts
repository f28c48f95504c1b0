import type { Logger } from 'pino';
import type { ChildExit } from './child.ts';

/** What the pool needs to know of a child. */
export interface Warmable {
  /** Whether its process has ended, which `exited` may tell later. */
  readonly ended: boolean;
  readonly exited: Promise<ChildExit>;
  readonly gone: Promise<void>;
  close(): Promise<void>;
}

export interface WarmPoolOptions<C extends Warmable> {
  spawn(): C;
  /** Children to keep ready. */
  readonly warm: number;
  /** Children that there may be at a time: those that wait, those of sessions, and those that are ending. */
  readonly limit: number;
  readonly log: Logger;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
}

/** Starting is the dear part of most programs, so that only so many do so at a time. */
const STARTS_AT_A_TIME = 2;
const BETWEEN_STARTS_MS = 500;
/** One that waited for so long for its session did not die of its start. */
const STEADY_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** Children that have been started but not spoken to, so that a session need not wait for a program to load. */
export class WarmPool<C extends Warmable> {
  readonly #options: WarmPoolOptions<C>;
  /** Those that wait, the oldest first, with when they were started. */
  readonly #waiting = new Map<C, number>();
  /** All that are not gone. */
  readonly #living = new Set<C>();
  /** Sessions that wait for another's child to be gone, the first one first. */
  readonly #queue = new Set<PromiseWithResolvers<C>>();
  #timer: NodeJS.Timeout | undefined;
  /** Length of the pause after the next failure. */
  #pause = FIRST_PAUSE_MS;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #keeping = false;
  #closed = false;

  constructor(options: WarmPoolOptions<C>) {
    this.#options = options;
  }

  /** Children that wait for a session. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Makes children ready, and new ones for those that were taken, until the signal or `close`. */
  keepWarm(signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#keeping = true;
    signal.addEventListener('abort', () => void this.#endWaiting(), { once: true });
    this.#refill();
  }

  /**
   * A child that is the caller's from now on: the one that waited longest, or a new one as soon as there may be one more.
   * Rejects with the signal's reason if that comes first, or when the pool closes.
   */
  async take(signal: AbortSignal): Promise<C> {
    signal.throwIfAborted();
    if (this.#closed) throw closedError();
    // The next one starts in a while, so that it does not slow down the session that has just begun.
    this.#refillSoon();
    const ready = [...this.#waiting.keys()].find(({ ended }) => !ended);
    if (ready !== undefined) {
      this.#waiting.delete(ready);
      return ready;
    }
    return this.#living.size < this.#options.limit ? this.#start() : await this.#queueUp(signal);
  }

  /** Ends those that wait, and gives out no more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#queue) reject(closedError());
    this.#queue.clear();
    await this.#endWaiting();
  }

  async #queueUp(signal: AbortSignal): Promise<C> {
    const place = Promise.withResolvers<C>();
    const leave = () => {
      this.#queue.delete(place);
      place.reject(signal.reason);
    };
    this.#queue.add(place);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await place.promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #serveQueue(): void {
    for (const place of this.#queue) {
      if (this.#living.size >= this.#options.limit) return;
      this.#queue.delete(place);
      place.resolve(this.#start());
    }
  }

  async #endWaiting(): Promise<void> {
    this.#keeping = false;
    clearTimeout(this.#timer);
    const waiting = [...this.#waiting.keys()];
    this.#waiting.clear();
    await Promise.all(waiting.map((child) => child.close()));
  }

  #refillSoon(): void {
    if (!this.#keeping || this.#timer !== undefined) return;
    const wait = Math.max(BETWEEN_STARTS_MS, this.#pausedUntil - this.#options.clock());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#refill();
    }, wait).unref();
  }

  #refill(): void {
    const { warm, limit, clock } = this.#options;
    if (clock() < this.#pausedUntil) return this.#refillSoon();
    for (let started = 0; started < STARTS_AT_A_TIME; started++) {
      if (this.#waiting.size >= warm || this.#living.size >= limit) return;
      const child = this.#start();
      this.#waiting.set(child, clock());
      void child.exited.then((exit) => this.#exited(child, exit));
    }
    this.#refillSoon();
  }

  #start(): C {
    const child = this.#options.spawn();
    this.#living.add(child);
    void child.gone.then(() => {
      this.#living.delete(child);
      this.#serveQueue();
      this.#refillSoon();
    });
    return child;
  }

  #exited(child: C, { code, signal, reason, lastWords }: ChildExit): void {
    const started = this.#waiting.get(child);
    // It belongs to a session, or was closed.
    if (started === undefined) return;
    this.#waiting.delete(child);
    const { clock, log } = this.#options;
    const now = clock();
    if (now - started >= STEADY_MS) this.#pause = FIRST_PAUSE_MS;
    // Others that were started with one that failed tell nothing new.
    else if (now >= this.#pausedUntil) {
      const details = { code, signal, reason, lastWords, pauseMs: this.#pause };
      log.warn(details, 'Lost a child that waited for its session, starting no other for a while');
      this.#pausedUntil = now + this.#pause;
      this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
    }
    this.#refillSoon();
  }
}

function closedError(): Error {
  return new Error('No more processes of the command are started, since it is served no longer.');
}
