/** When the next call is due, for whoever is free to make it. */
export interface Schedule {
  /**
   * Resolves with the time from which the next call's latency counts, once it is due; with nothing when there is no call
   * to make: after the end, or when the caller was woken.
   */
  next(caller: object): number | undefined | Promise<number | undefined>;
  /** Calls that were due before the end and that nobody was free to make; 0 until then. */
  readonly unsent: number;
  /** Gives back a caller that waits. */
  wake(caller: object): void;
  end(): void;
}

/** Closed loop: the next call is due as soon as the last one is answered. */
export class WithoutPause implements Schedule {
  #over = false;
  readonly unsent = 0;

  next(): number | undefined {
    return this.#over ? undefined : performance.now();
  }

  /** Nobody waits. */
  wake(): void {}

  end(): void {
    this.#over = true;
  }
}

interface Waiting {
  readonly caller: object;
  resolve(begun: number | undefined): void;
}

/**
 * Open loop: calls are due at a rate, whatever becomes of those before. A call that nobody was free to make when it was due
 * counts from then: otherwise a server that stalls would be asked less, and look better than it is (coordinated omission).
 */
export class AtRate implements Schedule {
  readonly #perSecond: number;
  readonly #begun = performance.now();
  #given = 0;
  /** In the order in which they became free, so that all take their turn. */
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #over = false;
  #unsent = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  next(caller: object): number | undefined | Promise<number | undefined> {
    if (this.#over) return undefined;
    // Those who wait are there only because nothing was due; what is due since is theirs.
    if (this.#waiting.length === 0 && this.#due <= performance.now()) return this.#take();
    return new Promise((resolve) => {
      this.#waiting.push({ caller, resolve });
      this.#setTimer();
    });
  }

  wake(caller: object): void {
    const index = this.#waiting.findIndex((waiting) => waiting.caller === caller);
    if (index !== -1) this.#waiting.splice(index, 1)[0]?.resolve(undefined);
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    const passed = (performance.now() - this.#begun) / 1_000;
    const due = this.#perSecond === 0 ? 0 : Math.floor(passed * this.#perSecond) + 1;
    // Where somebody waits, all that was due has been made.
    if (this.#waiting.length === 0) this.#unsent = Math.max(0, due - this.#given);
    for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
  }

  get unsent(): number {
    return this.#unsent;
  }

  get #due(): number {
    return this.#begun + (this.#given * 1_000) / this.#perSecond;
  }

  #take(): number {
    const due = this.#due;
    this.#given++;
    return due;
  }

  #setTimer(): void {
    if (this.#timer !== undefined || this.#perSecond === 0) return;
    this.#timer = setTimeout(() => this.#hand(), Math.max(0, this.#due - performance.now()));
  }

  #hand(): void {
    this.#timer = undefined;
    const now = performance.now();
    while (this.#waiting.length > 0 && this.#due <= now) {
      this.#take();
      // They were free when it was due: that the timer is late is not the server's fault.
      this.#waiting.shift()?.resolve(now);
    }
    if (this.#waiting.length > 0) this.#setTimer();
  }
}
