/** The time-weighted mean of a value over the last seconds, in constant memory whatever the rate of changes. */
export class MovingMean {
  readonly #clock: () => number;
  readonly #bucketLength: number;
  /** value × milliseconds per bucket; the current one is still filling. */
  readonly #buckets: number[];
  #value = 0;
  #at: number;

  /** `clock` answers milliseconds; the mean reaches back `seconds`, in steps of one second. */
  constructor(seconds: number, clock: () => number) {
    this.#clock = clock;
    this.#bucketLength = 1_000;
    this.#buckets = new Array<number>(seconds + 1).fill(0);
    this.#at = clock();
  }

  set(value: number): void {
    this.#advance();
    this.#value = value;
  }

  get mean(): number {
    this.#advance();
    const covered = (this.#buckets.length - 1) * this.#bucketLength + (this.#at % this.#bucketLength);
    return this.#buckets.reduce((sum, bucket) => sum + bucket, 0) / covered;
  }

  #advance(): void {
    const now = this.#clock();
    const window = this.#buckets.length * this.#bucketLength;
    if (now - this.#at > window) {
      this.#buckets.fill(this.#value * this.#bucketLength);
      this.#at = now - (now % this.#bucketLength);
      this.#buckets[this.#index(this.#at)] = 0;
    }
    while (this.#at < now) {
      const end = (Math.floor(this.#at / this.#bucketLength) + 1) * this.#bucketLength;
      const until = Math.min(now, end);
      const index = this.#index(this.#at);
      this.#buckets[index] = (this.#buckets[index] ?? 0) + this.#value * (until - this.#at);
      this.#at = until;
      if (until === end) this.#buckets[this.#index(until)] = 0;
    }
  }

  #index(time: number): number {
    return Math.floor(time / this.#bucketLength) % this.#buckets.length;
  }
}
