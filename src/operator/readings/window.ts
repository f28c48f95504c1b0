/** Counts what is under way, so that whoever starts it can wait while there is too much of it. */
export class Window {
  readonly #width: number;
  #underWay = 0;
  #opened: PromiseWithResolvers<void> | undefined;

  constructor(width: number) {
    this.#width = width;
  }

  /** Counts a promise, which must not reject, until it is settled. */
  with<T>(work: Promise<T>): Promise<T> {
    this.#underWay++;
    return work.finally(() => {
      this.#underWay--;
      this.#opened?.resolve();
      this.#opened = undefined;
    });
  }

  /** Resolves when no more is under way than the window is wide. */
  async opens(): Promise<void> {
    while (this.#underWay > this.#width) {
      this.#opened ??= Promise.withResolvers();
      await this.#opened.promise;
    }
  }
}
