import type { SessionStore } from '../stores/session-store.ts';
import type { Sessions } from './legacy/sessions.ts';

/** Others take sessions over from a pod that has been silent for a second; one that was so long away must be sure first. */
const LONGEST_GAP_MS = 700;
const TICK_MS = 200;
/** A store that does not answer for so long lets nobody else take anything over either. */
const PATIENCE_MS = 3_000;
const AGAIN_MS = 100;

export interface FenceOptions {
  readonly sessions: Sessions;
  readonly store: SessionStore;
  readonly clock: () => number;
  readonly signal: AbortSignal;
}

/**
 * Keeps a process that was stopped, or whose event loop was held up, from serving sessions that others have taken over
 * meanwhile: after such a gap it asks the store first.
 */
export class Fence {
  readonly #options: FenceOptions;
  #lastTick: number;
  #checking: Promise<void> | undefined;

  constructor(options: FenceOptions) {
    this.#options = options;
    this.#lastTick = options.clock();
    const timer = setInterval(() => {
      this.passing();
      this.#lastTick = options.clock();
    }, TICK_MS).unref();
    options.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  /** Nothing while all is well; after a gap what to wait for before a session may be served. */
  passing(): Promise<void> | undefined {
    if (this.#checking === undefined && this.#options.clock() - this.#lastTick > LONGEST_GAP_MS) {
      this.#checking = this.#check().finally(() => {
        this.#checking = undefined;
      });
    }
    return this.#checking;
  }

  async #check(): Promise<void> {
    const { sessions, store, clock } = this.#options;
    const deadline = clock() + PATIENCE_MS;
    for (;;) {
      const superseded = await store.superseded([...sessions.storable()].map(({ record }) => record));
      if (superseded !== 'away') {
        for (const id of superseded) sessions.supersede(id);
        return;
      }
      if (clock() >= deadline) return;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
