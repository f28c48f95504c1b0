import type { SessionRecord, SessionSnapshot } from '../../fleet/session-snapshot.ts';
import { type Change, notificationOf } from '../notifier.ts';
import { wants } from './client-setup.ts';
import { type EventLog, STANDALONE } from './event-log.ts';
import type { OnEnd } from './server-object.ts';

/** A session without slot, server object, stream or timer: all that is left of it until its client comes back. */
export class ParkedSession {
  readonly record: SessionRecord;
  readonly log: EventLog;
  /** Whom the module's last server object asked to tell of the session's end. */
  readonly onEnd: readonly OnEnd[];

  /** When it was used last, by this process's own clock: the time of day may be set, or differ between pods. */
  readonly usedAt: number;

  constructor(record: SessionRecord, log: EventLog, usedAt: number, onEnd: readonly OnEnd[] = []) {
    this.record = record;
    this.log = log;
    this.usedAt = usedAt;
    this.onEnd = onEnd;
  }

  snapshot(): SessionSnapshot {
    return { record: this.record, log: this.log.snapshot() };
  }

  wants({ method, uri }: Change): boolean {
    return wants(this.record, method, uri);
  }

  /** Leaves a change in the log, if its client wants to know. */
  notify(change: Change): void {
    if (!this.wants(change)) return;
    this.log.append(STANDALONE, JSON.stringify(notificationOf(change)));
  }
}

/** Parked sessions by id, in the order in which they were parked. */
export class ParkedSessions {
  readonly #limit: number;
  readonly #parked = new Map<string, ParkedSession>();

  /** `limit`: how many to keep. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#parked.size;
  }

  get full(): boolean {
    return this.#parked.size >= this.#limit;
  }

  get(id: string): ParkedSession | undefined {
    return this.#parked.get(id);
  }

  [Symbol.iterator](): IterableIterator<ParkedSession> {
    return this.#parked.values();
  }

  add(parked: ParkedSession): void {
    this.#parked.set(parked.record.id, parked);
  }

  /** How many more there are than should be. `leaving` is about to be taken out, and does not count. */
  surplus(leaving?: string): number {
    return this.#parked.size - (leaving !== undefined && this.#parked.has(leaving) ? 1 : 0) - this.#limit;
  }

  /** The one that was parked first, but for `leaving`. */
  oldest(leaving?: string): ParkedSession | undefined {
    for (const parked of this.#parked.values()) if (parked.record.id !== leaving) return parked;
    return undefined;
  }

  /** Hands one out, for good. */
  take(id: string): ParkedSession | undefined {
    const parked = this.#parked.get(id);
    this.#parked.delete(id);
    return parked;
  }

  /** Hands out those that nobody has used since then. Parking follows use, so the first ones are the oldest. */
  *unusedSince(latest: number): Generator<ParkedSession, undefined> {
    for (const parked of this.#parked.values()) {
      if (parked.usedAt > latest) return;
      this.#parked.delete(parked.record.id);
      yield parked;
    }
  }
}
