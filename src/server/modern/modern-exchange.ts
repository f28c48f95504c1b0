import type { HandlerObserver } from '../watch-handlers.ts';

/** One modern request: over when it is answered, or its client has gone, and every handler it started has settled. */
export class ModernExchange implements HandlerObserver {
  readonly #callbacks: (() => void)[] = [];
  #running = 0;
  #answered = false;
  #over = false;
  #spoilt = false;

  /** Whether its server object may be in a state that no other request should meet. */
  get spoilt(): boolean {
    return this.#spoilt;
  }

  spoil(): void {
    this.#spoilt = true;
  }

  /** Calls back once, when the exchange is over; at once if it is. */
  onOver(callback: () => void): void {
    if (this.#over) callback();
    else this.#callbacks.push(callback);
  }

  started(): void {
    this.#running++;
  }

  settled(): void {
    this.#running--;
    this.#check();
  }

  answered(): void {
    this.#answered = true;
    this.#check();
  }

  #check(): void {
    if (!this.#answered || this.#running > 0) return;
    this.#over = true;
    for (const callback of this.#callbacks.splice(0)) callback();
  }
}
