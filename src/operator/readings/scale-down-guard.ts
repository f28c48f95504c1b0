/** How long a number that nobody asks for any more is remembered. */
const FORGOTTEN_AFTER_MS = 300_000;

interface Told<T> {
  readonly answer: T;
  readonly value: number;
  readonly at: number;
}

/**
 * Keeps a number from falling until the pods that would go are the emptiest: an autoscaler acts on a lower number when
 * it likes, and the ReplicaSet goes by the deletion costs that are written then.
 */
export class ScaleDownGuard<T> {
  readonly #told = new Map<string, Told<T>>();
  readonly #clock: () => number;

  /** `clock` answers milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The answer to give: this one, or the last one if this is lower and may not be told yet; `undefined` when there is none. */
  pass(question: string, answer: T, value: number, mayFall: () => boolean): T | undefined {
    const now = this.#clock();
    this.#forget(now);
    const last = this.#told.get(question);
    const told = (last === undefined || value < last.value) && !mayFall() ? last : { answer, value };
    if (told === undefined) return undefined;
    // At the end again: the first one is always the one that was not asked for the longest.
    this.#told.delete(question);
    this.#told.set(question, { ...told, at: now });
    return told.answer;
  }

  #forget(now: number): void {
    for (const [question, { at }] of this.#told) {
      if (now - at <= FORGOTTEN_AFTER_MS) return;
      this.#told.delete(question);
    }
  }
}
