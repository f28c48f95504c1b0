import type { Log } from '../log.ts';
import type { Session } from './session.ts';
import { stateProblem } from './session-state.ts';
import type { Activity } from './session-use.ts';

export interface IdleSessionsOptions {
  /** Whether server objects may be made again. */
  readonly parkable: boolean;
  readonly log: Log;
  /** Milliseconds. */
  readonly clock: () => number;
}

/** A client that lost its stream comes back within 3 s (session.ts), and may have to try again. */
const RESERVED_MS = 10_000;

/** Sessions without calls, in the order in which they became so, so that the longest idle is found without looking. */
export class IdleSessions {
  readonly #options: IdleSessionsOptions;
  readonly #since = { listening: new Map<Session, number>(), quiet: new Map<Session, number>() };
  /** Until when a slot is kept for a client that is on its way back. */
  readonly #reservedUntil = new WeakMap<Session, number>();
  readonly #unfit = new WeakSet<Session>();

  constructor(options: IdleSessionsOptions) {
    this.#options = options;
  }

  /** Takes note of what a session does from now on. */
  set(session: Session, activity: Activity): void {
    this.delete(session);
    if (activity !== 'busy') this.#since[activity].set(session, this.#options.clock());
  }

  /** Since when a session without calls is so. */
  since(session: Session): number | undefined {
    return this.#since.quiet.get(session) ?? this.#since.listening.get(session);
  }

  delete(session: Session): void {
    this.#since.quiet.delete(session);
    this.#since.listening.delete(session);
  }

  /** Keeps a session that came from elsewhere from being parked for another one until its client has come after it. */
  reserve(session: Session): void {
    this.#reservedUntil.set(session, this.#options.clock() + RESERVED_MS);
  }

  /** Those that nobody has used for so many milliseconds. */
  *quiet(milliseconds: number): Generator<Session, undefined> {
    for (const session of this.#for('quiet', milliseconds)) if (!session.use.pinned) yield session;
  }

  /** Those whose server object may go, after so many milliseconds without calls. */
  *restable(activity: 'listening' | 'quiet', milliseconds: number): Generator<Session, undefined> {
    // Nobody looks through thousands of sessions for what can not be there.
    if (!this.#options.parkable) return;
    for (const session of this.#for(activity, milliseconds)) if (this.mayRest(session)) yield session;
  }

  /** The one that may be parked for another one. */
  get longestRestable(): Session | undefined {
    const now = this.#options.clock();
    for (const session of this.restable('quiet', 0)) {
      if ((this.#reservedUntil.get(session) ?? 0) <= now) return session;
    }
    return undefined;
  }

  /** Whether a session's server object may go now, and another one could be made from what is left. */
  mayRest(session: Session): boolean {
    if (!this.#options.parkable || !session.restable || this.#unfit.has(session)) return false;
    const problem = session.dozing ? undefined : stateProblem(session.record);
    if (problem === undefined) return true;
    this.#unfit.add(session);
    this.#options.log.error({ session: session.record.id, problem }, 'Session can not be parked');
    return false;
  }

  *#for(activity: 'listening' | 'quiet', milliseconds: number): Generator<Session, undefined> {
    const latest = this.#options.clock() - milliseconds;
    for (const [session, since] of this.#since[activity]) {
      if (since > latest) return;
      yield session;
    }
  }
}
