/** A sleep that may be cut short; a ring while nobody sleeps cuts the next one. */
export class Alarm {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves after so many milliseconds, when rung, or when aborted. */
  async sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const timer = setTimeout(wake, milliseconds);
    this.#wake = wake;
    signal.addEventListener('abort', wake);
    if (this.#rung || signal.aborted) wake();
    await promise;
    this.#rung = false;
    this.#wake = undefined;
    clearTimeout(timer);
    signal.removeEventListener('abort', wake);
  }
}
