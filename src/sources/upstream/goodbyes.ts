/** A drain ends thousands of sessions together, over as many connections as their calls had. */
const MOST_AT_ONCE = 32;
const LIMIT_MS = 2_000;
/** Clients may leave faster than an upstream opens sessions: of more than these it keeps what it opened. */
const MOST_OPENING = 32;
const OPENING_LIMIT_MS = 5_000;

/** The last requests of sessions: a few at a time, each bounded, and waited for at the end. */
export class Goodbyes {
  readonly #all = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  readonly #ended = new AbortController();
  #running = 0;
  #opening = 0;

  /** Says one when its turn comes. Never rejects: who can not hear it forgets the session by itself. */
  say(goodbye: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const said = this.#inTurn(goodbye).finally(() => this.#all.delete(said));
    this.#all.add(said);
    return said;
  }

  /** Waits for a session that is still being opened, whose goodbye comes after that; cuts it when it takes too long. */
  expect(opening: Promise<void>, cut: () => void): void {
    if (this.#opening === MOST_OPENING || this.#ended.signal.aborted) return cut();
    this.#opening++;
    const timer = setTimeout(cut, OPENING_LIMIT_MS);
    this.#ended.signal.addEventListener('abort', cut, { once: true });
    const over = opening.finally(() => {
      clearTimeout(timer);
      this.#ended.signal.removeEventListener('abort', cut);
      this.#opening--;
      this.#all.delete(over);
    });
    this.#all.add(over);
  }

  /** Resolves when all are said, or after so many milliseconds; none is said any more then. */
  async end(limit: number): Promise<void> {
    const timer = setTimeout(() => this.#ended.abort(), limit);
    while (this.#all.size > 0) await Promise.all(this.#all);
    clearTimeout(timer);
  }

  async #inTurn(goodbye: (signal: AbortSignal) => Promise<void>): Promise<void> {
    // The one before hands its place on.
    if (this.#running === MOST_AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      if (!this.#ended.signal.aborted) {
        await goodbye(AbortSignal.any([this.#ended.signal, AbortSignal.timeout(LIMIT_MS)]));
      }
    } catch {
      // It is gone, or forgets the session by itself.
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
