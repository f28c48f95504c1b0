import { setTimeout as sleep } from 'node:timers/promises';

/** Lets so many through a second, in order; whoever would wait too long is turned away at once. */
export class Pace {
  readonly #interval: number;
  readonly #burst: number;
  readonly #patience: number;
  readonly #clock: () => number;
  /** When the next one could go if nothing were saved up. */
  #next = 0;

  /** `perSecond`: also how many may go at once after a pause; `patience`: milliseconds. */
  constructor({ perSecond, patience, clock }: { perSecond: number; patience: number; clock: () => number }) {
    this.#interval = 1_000 / perSecond;
    this.#burst = perSecond;
    this.#patience = patience;
    this.#clock = clock;
  }

  /** Resolves true when it is one's turn, false when that would take too long. */
  async turn(): Promise<boolean> {
    const now = this.#clock();
    const next = Math.max(this.#next, now - this.#burst * this.#interval);
    const wait = next - now;
    if (wait > this.#patience) return false;
    this.#next = next + this.#interval;
    if (wait > 0) await sleep(wait);
    return true;
  }
}
