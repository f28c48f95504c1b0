import type { ServerResponse } from 'node:http';

/**
 * Whether the client of one request has gone before its answer was complete. Nothing is told after a complete answer:
 * aborting costs more than answering does.
 */
export class Departure {
  #gone = false;
  #closed = false;
  #lasting = false;
  #controller: AbortController | undefined;
  #leave: (() => void) | undefined;
  readonly #kept: object[] = [];

  constructor(res: ServerResponse) {
    res.once('close', () => {
      this.#closed = true;
      this.#gone = !res.writableFinished;
      if (this.#gone || this.#lasting) this.#controller?.abort();
      if (this.#gone) this.#leave?.();
    });
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Aborts when the client goes. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#gone || (this.#closed && this.#lasting)) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Aborts when the connection closes, also after a complete answer: for what would otherwise go on behind it. */
  get untilClosed(): AbortSignal {
    this.#lasting = true;
    return this.signal;
  }

  /**
   * Keeps what has the signal from being collected before the response is: a `Request` of Node's passes an abort on for as
   * long as somebody holds it, and code that V8 has optimized holds nothing that it does not need any more.
   */
  keep(signalled: object): void {
    this.#kept.push(signalled);
  }

  /** Calls back when the client goes; one that has gone already is not told again. */
  onGone(callback: () => void): void {
    this.#leave = callback;
  }
}
