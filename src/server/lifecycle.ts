import type { Phase } from '../fleet/phase.ts';

/** Where this process is in its life; `signal` ends with it. */
export class Lifecycle {
  #phase: Phase = 'starting';
  readonly #controller = new AbortController();

  get phase(): Phase {
    return this.#phase;
  }

  /** The phases follow each other; none comes back. */
  enter(phase: Exclude<Phase, 'starting'>): void {
    this.#phase = phase;
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
