import { hash } from 'node:crypto';
import type { LoggedEvent } from '../fleet/session-snapshot.ts';
import type { Storable } from './session-store.ts';

/** One write of one session. */
export interface Write {
  readonly id: string;
  readonly epoch: number;
  /** Rises with every write. */
  readonly version: number;
  /** The write that `events` come after; without it they are the whole log. */
  readonly base: { readonly version: number; readonly events: number } | undefined;
  /** How many events the log has after this write; older ones are trimmed. */
  readonly keep: number;
  readonly record: string;
  /** The log without its events. */
  readonly head: string;
  readonly events: readonly string[];
}

/** How a write ended; `rewrite`: the store has another log than thought; `failed`: it refused. */
export type WriteReply = 'stored' | 'superseded' | 'rewrite' | 'late' | 'failed';

/** What the store has of a session after a write. */
export interface Stored {
  readonly version: number;
  /** A hash, since a copy of every record would cost as much as the sessions. */
  readonly fingerprint: string;
  /** The newest event that was written. */
  readonly sequence: number;
  readonly events: number;
  /** When its time to live began anew, in milliseconds of the process. */
  readonly at: number;
}

export interface ComposedWrite {
  readonly write: Write;
  /** What the store has once the write is done. */
  readonly after: Stored;
}

/**
 * The write that brings a store up to date, of the log only what is new; `undefined` when nothing changed and its time
 * to live began less than `refreshAfter` milliseconds ago. Throws for a session that has no JSON.
 */
export function composeWrite(
  session: Storable,
  stored: Stored | undefined,
  version: number,
  refreshAfter: number,
): ComposedWrite | undefined {
  const { record, log } = session.snapshot();
  const { events, ...rest } = log;
  const recordJson = JSON.stringify(record);
  const head = JSON.stringify(rest);
  const fingerprint = hash('sha1', recordJson + head);
  const at = performance.now();
  if (stored?.fingerprint === fingerprint && at - stored.at < refreshAfter) return undefined;
  return {
    write: {
      id: record.id,
      epoch: record.epoch,
      version,
      base: stored && { version: stored.version, events: stored.events },
      keep: events.length,
      record: recordJson,
      head,
      events: newerThan(events, stored?.sequence).map((event) => JSON.stringify(event)),
    },
    after: { version, fingerprint, sequence: log.sequence, events: events.length, at },
  };
}

/** The newest events, in order; sequences rise. */
function newerThan(events: readonly LoggedEvent[], sequence: number | undefined): readonly LoggedEvent[] {
  if (sequence === undefined) return events;
  return events.slice(events.findLastIndex((event) => event.sequence <= sequence) + 1);
}
