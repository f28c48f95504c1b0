import type { Gate, Release } from './gate.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { RefusalReason } from './metrics.ts';
import type { MovingMean } from './moving-mean.ts';

/** How long a modern request may wait for a slot: most calls are over by then. */
const PATIENCE_MS = 1_000;

export type Admitted = { readonly release: Release } | { readonly refused: RefusalReason };

export interface AdmissionOptions {
  readonly gate: Gate;
  readonly lifecycle: Lifecycle;
  /** Sessions that may be closed to make room. */
  readonly sessions: { readonly evictable: boolean; evict(): boolean };
  readonly modernMean: MovingMean;
}

/** Decides who gets a slot. What is admitted is never asked again. */
export class Admission {
  readonly #options: AdmissionOptions;
  #shortRequests = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Why new work could only be refused now, as far as it is known without looking at it; `undefined` if it may get in. */
  get closedFor(): RefusalReason | undefined {
    const { gate, lifecycle, sessions } = this.#options;
    if (!lifecycle.takesNewWork) return 'draining';
    return gate.held >= gate.limit && !sessions.evictable ? 'capacity' : undefined;
  }

  /** Takes the slot of a session, in one synchronous step. */
  admitSession(): Admitted {
    const { gate, lifecycle, sessions } = this.#options;
    if (!lifecycle.takesNewWork) return { refused: 'draining' };
    const release = gate.tryEnter() ?? (sessions.evict() ? gate.tryEnter() : undefined);
    return release === undefined ? { refused: 'capacity' } : { release };
  }

  /** Takes the slot of a modern request: at once, by closing an idle session, or after a short wait in line. */
  admitRequest(gone: AbortSignal): Admitted | Promise<Admitted> {
    const now = this.admitSession();
    if ('release' in now || now.refused !== 'capacity') return now;
    const { gate, lifecycle } = this.#options;
    if (gate.waiting >= gate.limit) return now;
    return gate.enter(AbortSignal.any([gone, AbortSignal.timeout(PATIENCE_MS)])).then((release) => {
      if (release === undefined) return now;
      if (lifecycle.takesNewWork) return { release };
      release();
      return { refused: 'draining' };
    });
  }

  /** Counts a short modern request in the exported mean until the answered function is called. */
  countShortRequest(): () => void {
    this.#options.modernMean.set(++this.#shortRequests);
    return () => this.#options.modernMean.set(--this.#shortRequests);
  }

  /** Slots held for export: sessions and listeners as they are, short requests as their mean. */
  get exported(): number {
    return this.#options.gate.held - this.#shortRequests + this.#options.modernMean.mean;
  }
}
