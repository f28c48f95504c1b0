/** Gives a slot back; calling it again does nothing. */
export type Release = () => void;

/** Admits at most `limit` holders at once, but for those who must get in. Knows neither HTTP nor MCP; every method but `enter` is synchronous. */
export class Gate {
  readonly limit: number;
  #held = 0;
  readonly #waiting = new Set<(release: Release) => void>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Slots taken now. */
  get held(): number {
    return this.#held;
  }

  /** Callers of `enter` that have no slot yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a slot, or answers `undefined` at once when there is none. */
  tryEnter(): Release | undefined {
    if (this.#held >= this.limit) return undefined;
    this.#held++;
    return this.#releaseOnce();
  }

  /** Takes a slot that there is not: for what must be taken in and has nowhere else to go. */
  enterOver(): Release {
    this.#held++;
    return this.#releaseOnce();
  }

  /** Takes a slot, waiting in line until `patience` ends; then answers `undefined`. */
  enter(patience: AbortSignal): Promise<Release | undefined> {
    const now = this.tryEnter();
    if (now !== undefined || patience.aborted) return Promise.resolve(now);
    return new Promise((resolve) => {
      const giveUp = () => {
        this.#waiting.delete(admit);
        resolve(undefined);
      };
      const admit = (release: Release) => {
        patience.removeEventListener('abort', giveUp);
        resolve(release);
      };
      this.#waiting.add(admit);
      patience.addEventListener('abort', giveUp, { once: true });
    });
  }

  #releaseOnce(): Release {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const [next] = this.#waiting;
      if (next === undefined || this.#held > this.limit) {
        this.#held--;
        return;
      }
      // The slot passes on without becoming free, so nobody who did not wait can take it.
      this.#waiting.delete(next);
      next(this.#releaseOnce());
    };
  }
}
