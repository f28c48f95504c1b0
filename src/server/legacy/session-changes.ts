import { FanOut } from '../fan-out.ts';
import type { Change } from '../notifier.ts';
import { RecentChanges } from '../recent-changes.ts';
import type { ParkedSession } from './parked-sessions.ts';
import type { Session } from './session.ts';

export interface SessionChangesOptions {
  /** Of all sessions that are here. */
  readonly ids: () => string[];
  readonly find: (id: string) => Session | ParkedSession | undefined;
  /** Milliseconds. */
  readonly clock: () => number;
}

/** Has every session hear once of each change that it wants to know of, also of those published while it moves. */
export class SessionChanges {
  readonly #options: SessionChangesOptions;
  readonly #recent: RecentChanges;
  readonly #fanOut = new FanOut((id, change) => this.#options.find(id)?.notify(change));

  constructor(options: SessionChangesOptions) {
    this.#options = options;
    this.#recent = new RecentChanges(options.clock);
  }

  /** Tells those who are here, a few at a time. */
  publish(change: Change): void {
    const { ids, find } = this.#options;
    this.#recent.add(change);
    this.#fanOut.add(
      change,
      // What it heard of elsewhere is left out here, since it may be told later together with what it has not heard of.
      ids().filter((id) => !this.#recent.knows(id, change) && find(id)?.wants(change)),
    );
  }

  /** A session is about to go, or to end: it is told now what it is still to be told. */
  flush(id: string): void {
    this.#fanOut.flush(id);
  }

  /** A session is told nothing of what waits: whoever has it now does that. */
  forget(id: string): void {
    this.#fanOut.forget(id);
  }

  /** The recent changes that a session which goes now has heard of. */
  get heard(): readonly string[] {
    return this.#recent.ids;
  }

  /** Tells a session of the changes that were published while it was on its way; `heard`: those that it knows. */
  catchUp(session: Session | ParkedSession, heard: readonly string[]): void {
    for (const change of this.#recent.arrived(session.record.id, heard)) session.notify(change);
  }

  /** To be called now and then. */
  forgetOld(): void {
    this.#recent.forgetOld();
  }
}
