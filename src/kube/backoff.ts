export interface BackoffOptions {
  /** Milliseconds of the shortest wait. */
  readonly leastMs: number;
  /** Milliseconds of the longest wait. */
  readonly mostMs: number;
  /** From 0 up to but not 1. */
  readonly random?: () => number;
}

/** Waits that double with each failure, with half of each left to chance so that many who failed together come back apart. */
export class Backoff {
  readonly #least: number;
  readonly #most: number;
  readonly #random: () => number;
  #failures = 0;

  constructor({ leastMs, mostMs, random = Math.random }: BackoffOptions) {
    this.#least = leastMs;
    this.#most = mostMs;
    this.#random = random;
  }

  /** How often in a row it failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds to wait after one more failure. */
  next(): number {
    // 2 ** 31 times anything is past every limit of ours, and no number overflows.
    const full = Math.min(this.#most, this.#least * 2 ** Math.min(++this.#failures, 31));
    return Math.max(this.#least, full * (0.5 + this.#random() / 2));
  }

  /** It worked. */
  reset(): void {
    this.#failures = 0;
  }
}
