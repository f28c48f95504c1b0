import type { Session } from './session.ts';
import type { Activity } from './session-use.ts';

/** Sessions without calls, in the order in which they became so, so that the longest idle is found without looking. */
export class IdleOrder {
  readonly #clock: () => number;
  readonly #since = { listening: new Map<Session, number>(), quiet: new Map<Session, number>() };

  /** `clock` answers milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Takes note of what a session does from now on. */
  set(session: Session, activity: Activity): void {
    this.delete(session);
    if (activity !== 'busy') this.#since[activity].set(session, this.#clock());
  }

  /** Since when a session without calls is so. */
  since(session: Session): number | undefined {
    return this.#since.quiet.get(session) ?? this.#since.listening.get(session);
  }

  delete(session: Session): void {
    this.#since.quiet.delete(session);
    this.#since.listening.delete(session);
  }

  /** Those that have been so for so many milliseconds, the longest first. */
  *for(activity: 'listening' | 'quiet', milliseconds = 0): Generator<Session, undefined> {
    const latest = this.#clock() - milliseconds;
    for (const [session, since] of this.#since[activity]) {
      if (since > latest) return;
      yield session;
    }
  }
}
