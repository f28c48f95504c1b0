/** Whoever waits for a delay to be over. */
export interface Waiting {
  late(): void;
}

/** One delay for many who wait, most of whom are called off before: a timer for all of them costs them nothing each. */
export class SharedDelay {
  readonly #milliseconds: number;
  /** When each is late, the first one first. */
  readonly #due = new Map<Waiting, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  add(waiting: Waiting): void {
    this.#due.set(waiting, performance.now() + this.#milliseconds);
    this.#timer ??= this.#wake(this.#milliseconds);
  }

  delete(waiting: Waiting): void {
    this.#due.delete(waiting);
  }

  #wake(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => this.#tell(), milliseconds).unref();
  }

  #tell(): void {
    const now = performance.now();
    for (const [waiting, due] of this.#due) {
      if (due > now) break;
      this.#due.delete(waiting);
      try {
        waiting.late();
      } catch (error) {
        // The others wait for their own sake.
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
    const [next] = this.#due.values();
    this.#timer = next === undefined ? undefined : this.#wake(Math.max(1, Math.ceil(next - now)));
  }
}
