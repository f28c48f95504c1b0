import type { Phase } from '../fleet/phase.ts';

/** Where this process is in its life; `signal` ends with it. */
export class Lifecycle {
  #phase: Phase = 'starting';
  readonly #onLeaving: (() => void)[] = [];
  readonly #controller = new AbortController();

  get phase(): Phase {
    return this.#phase;
  }

  /** The phases follow each other; none comes back. */
  enter(phase: Exclude<Phase, 'starting'>): void {
    this.#phase = phase;
    if (phase === 'leaving') for (const callback of this.#onLeaving) callback();
  }

  /** Calls back when the process begins to leave. */
  onLeaving(callback: () => void): void {
    this.#onLeaving.push(callback);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get draining(): boolean {
    return this.phase === 'leaving' || this.phase === 'closing';
  }

  get takesNewWork(): boolean {
    return this.phase === 'serving' || this.phase === 'leaving';
  }

  end(): void {
    this.#controller.abort();
  }
}
