/** Whoever waits for a delay to be over. */
export interface Waiting {
  late(): void;
}

/** A place in the line, kept to be called off. */
export class Delayed {
  waiting: Waiting | undefined;
  readonly due: number;
  before: Delayed = this;
  after: Delayed = this;

  constructor(waiting: Waiting | undefined, due: number) {
    this.waiting = waiting;
    this.due = due;
  }

  /** Leaves nothing behind that leads to others: V8 keeps what is new while something old, even garbage, leads to it. */
  leave(): void {
    this.before.after = this.after;
    this.after.before = this.before;
    this.before = this;
    this.after = this;
    this.waiting = undefined;
  }
}

/**
 * One delay for many who wait, most of whom are called off before: a timer for all of them costs them nothing each.
 * No Map keeps them: what it grows out of leads to all who waited then, and to its successor, so that each request would
 * live until the next full collection (docs/decisions/0012).
 */
export class SharedDelay {
  readonly #milliseconds: number;
  /** Before the first and after the last. */
  readonly #ends = new Delayed(undefined, Number.POSITIVE_INFINITY);
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  add(waiting: Waiting): Delayed {
    const delayed = new Delayed(waiting, performance.now() + this.#milliseconds);
    const last = this.#ends.before;
    last.after = delayed;
    delayed.before = last;
    delayed.after = this.#ends;
    this.#ends.before = delayed;
    this.#timer ??= this.#wake(this.#milliseconds);
    return delayed;
  }

  #wake(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => this.#tell(), milliseconds).unref();
  }

  #tell(): void {
    const now = performance.now();
    for (let first = this.#ends.after; first.due <= now; first = this.#ends.after) {
      const { waiting } = first;
      first.leave();
      try {
        waiting?.late();
      } catch (error) {
        // The others wait for their own sake.
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
    const next = this.#ends.after;
    this.#timer = next === this.#ends ? undefined : this.#wake(Math.max(1, Math.ceil(next.due - now)));
  }
}
