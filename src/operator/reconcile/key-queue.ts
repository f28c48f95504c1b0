import { pause } from '../../kube/pause.ts';

/** Between the first failure of a key and its next try, and the most that is waited after many. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 300_000;

export interface KeyQueueOptions {
  /** Does the work of one key, until the signal; answers milliseconds until it wants to be called again, if it does. */
  readonly work: (key: string, signal: AbortSignal) => Promise<number | undefined>;
  /** Told of work that failed, and in how many milliseconds it is tried again. */
  readonly failed: (key: string, error: unknown, retryMs: number) => void;
  /** Keys that are worked on at a time. */
  readonly workers: number;
  /** Milliseconds. */
  readonly clock: () => number;
}

/**
 * Keys that are due now or later. A key is in it once, the earlier time wins, and it is never worked on twice at a time:
 * one that comes while it is worked on comes again after.
 */
export class KeyQueue {
  readonly #options: KeyQueueOptions;
  readonly #due = new Map<string, number>();
  readonly #busy = new Set<string>();
  readonly #failures = new Map<string, number>();
  #wake: () => void = () => {};

  constructor(options: KeyQueueOptions) {
    this.#options = options;
  }

  /** Has a key worked on after so many milliseconds at the latest. */
  add(key: string, inMs = 0): void {
    const at = this.#options.clock() + inMs;
    const before = this.#due.get(key);
    if (before !== undefined && before <= at) return;
    this.#due.set(key, at);
    this.#wake();
  }

  /** Keys that wait, those that are due later among them. */
  get size(): number {
    return this.#due.size;
  }

  /** Works until the signal, and ends when what was begun has ended. */
  async run(signal: AbortSignal): Promise<void> {
    const workers = new Set<Promise<void>>();
    while (!signal.aborted) {
      const { key, inMs } = this.#next();
      if (key !== undefined && inMs <= 0 && workers.size < this.#options.workers) {
        const worker = this.#work(key, signal).finally(() => {
          workers.delete(worker);
          this.#wake();
        });
        workers.add(worker);
      } else await this.#sleep(workers.size < this.#options.workers ? inMs : Number.POSITIVE_INFINITY, signal);
    }
    await Promise.all(workers);
  }

  /** The key that is due first, and in how many milliseconds. */
  #next(): { readonly key: string | undefined; readonly inMs: number } {
    let key: string | undefined;
    let first = Number.POSITIVE_INFINITY;
    for (const [candidate, at] of this.#due) {
      if (at >= first || this.#busy.has(candidate)) continue;
      key = candidate;
      first = at;
    }
    return { key, inMs: first - this.#options.clock() };
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await pause(Math.min(Math.max(0, ms), LAST_RETRY_MS), AbortSignal.any([signal, woken.signal]));
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    this.#due.delete(key);
    this.#busy.add(key);
    try {
      const again = await this.#options.work(key, signal);
      this.#failures.delete(key);
      if (again !== undefined) this.add(key, again);
    } catch (error) {
      // Cut off in the middle, which is no failure of its own.
      if (signal.aborted) return;
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      // The half that is random keeps keys that failed together from coming back together.
      const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 20));
      const retryMs = longest / 2 + (Math.random() * longest) / 2;
      this.#options.failed(key, error, retryMs);
      this.add(key, retryMs);
    } finally {
      this.#busy.delete(key);
    }
  }
}
