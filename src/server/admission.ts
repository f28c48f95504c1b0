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
  /** Sessions that may be parked or closed to make room. */
  readonly sessions: {
    readonly canMakeRoom: boolean;
    parkOne(returning?: string): Release | undefined;
    evict(): Release | undefined;
  };
  readonly modernMean: MovingMean;
  readonly pressure: { readonly high: boolean };
}

/** Decides who gets a slot here. What is admitted is never asked again. */
export class Admission {
  readonly #options: AdmissionOptions;
  #shortRequests = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Why new work could only be refused here now, as far as it is known without looking at it; `undefined` if it may get in. */
  get closedFor(): RefusalReason | undefined {
    const { gate, lifecycle, sessions, pressure } = this.#options;
    if (!lifecycle.takesNewWork) return 'draining';
    if (pressure.high) return 'pressure';
    return gate.held >= gate.limit && !sessions.canMakeRoom ? 'capacity' : undefined;
  }

  /** Takes a slot for new work in one synchronous step, if need be one of a session that can be parked. */
  admit(): Admitted {
    const { lifecycle, pressure } = this.#options;
    if (!lifecycle.takesNewWork) return { refused: 'draining' };
    return pressure.high ? { refused: 'pressure' } : this.admitReturning();
  }

  /** Takes a slot for a session that is in already; it may come back until the very end. */
  admitReturning(returning?: string): Admitted {
    const { gate, sessions } = this.#options;
    const release = gate.tryEnter() ?? this.#passedOn(sessions.parkOne(returning));
    return release === undefined ? { refused: 'capacity' } : { release };
  }

  /** The last attempt, when no other pod has room: a slot that has come free since, or that of an idle session. */
  admitAfterAll(returning?: string): Admitted {
    const now = returning === undefined ? this.admit() : this.admitReturning(returning);
    if ('release' in now || now.refused !== 'capacity') return now;
    const release = this.#passedOn(this.#options.sessions.evict());
    return release === undefined ? now : { release };
  }

  /** The same for a modern request, which may also wait in line for a short while. */
  admitRequestAfterAll(gone: AbortSignal): Admitted | Promise<Admitted> {
    const now = this.admitAfterAll();
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

  /** Takes a slot for a session that a leaving pod hands over: over the cap if it says that nobody has room. */
  admitArrival(overCap: boolean): Release | undefined {
    const { gate, lifecycle } = this.#options;
    if (lifecycle.draining) return undefined;
    return gate.tryEnter() ?? (overCap ? gate.enterOver() : undefined);
  }

  /** A slot goes from the session that made room to whom it was made for, past those who wait; over the cap it goes back. */
  #passedOn(release: Release | undefined): Release | undefined {
    const { gate } = this.#options;
    if (release === undefined || gate.held <= gate.limit) return release;
    release();
    return gate.tryEnter();
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
