import type { SessionRecord, SessionSnapshot } from '../fleet/session-snapshot.ts';

/** A session that its pod holds, as a store sees it. */
export interface Storable {
  readonly record: SessionRecord;
  snapshot(): SessionSnapshot;
}

/** Who holds a session, and since which move. */
export interface Holder {
  /** Its owner tag. */
  readonly owner: string;
  readonly epoch: number;
}

/** What a caller saw of a session before it takes it over; what is given must still be so. */
export interface Seen {
  readonly ifOwner?: string;
  readonly ifEpoch?: number;
}

/** How a take-over ended: taken, found in other hands than the caller saw, not in the store, or not to be known now. */
export type TakeOver =
  | { readonly taken: SessionSnapshot }
  | { readonly heldBy: string; readonly epoch: number }
  | Absent;

/** Why there is no answer: the store does not know the session, or it does not answer. */
export type Absent = 'unknown' | 'away';

/**
 * Keeps a copy of every session of the fleet outside of its pods. A living pod's memory is the truth: the copy is
 * written behind it, and nothing that serves waits for it. Nothing here throws because the store is away.
 */
export interface SessionStore {
  /** Takes note that a held session changed or was used; its newest state is written soon, many changes at once. */
  changed(session: Storable): void;
  /** Whether the newest state of a held session is in the store. */
  has(id: string): boolean;
  /** The session ended for good: its copy goes, unless somebody else took it over. */
  removed(record: SessionRecord): void;
  /** It lives elsewhere now, or is to be left to the store: forgets it here and leaves the copy. */
  released(id: string): void;
  /**
   * Makes `owner` the holder if the session is still as `seen`, raises its epoch by one and answers its snapshot. Of
   * any number of callers who saw the same, one wins. Throws when what was stored can not be read.
   */
  takeOver(id: string, owner: string, seen?: Seen): Promise<TakeOver>;
  /** Who holds it, without taking it. */
  find(id: string): Promise<Holder | Absent>;
  /** Which of these held sessions somebody else has taken over; `away` when it cannot be known. */
  superseded(
    records: readonly { readonly id: string; readonly epoch: number }[],
  ): Promise<ReadonlySet<string> | 'away'>;
  /** Owner tags of the pods that used the store within the idle timeout, and of sessions they held; none while it is away. */
  tags(): Promise<readonly string[]>;
  /** Tells the other pods of a change; lost while the store is away. */
  publish(change: string): void;
  /** Calls back with every change that another pod publishes. */
  onChange(callback: (change: string) => void): void;
  readonly available: boolean;
  /** Held sessions whose newest state is not in the store yet. */
  readonly notStored: number;
  /** Writes what it can within a second, then lets go of the store. */
  close(): Promise<void>;
}
