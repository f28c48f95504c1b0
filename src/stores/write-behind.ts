import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { SessionRecord } from '../fleet/session-snapshot.ts';
import type { Storable } from './session-store.ts';
import { type ComposedWrite, composeWrite, type Stored, type Write, type WriteReply } from './session-write.ts';

/** A removal of one session. */
export interface Removal {
  readonly id: string;
  readonly epoch: number;
}

export interface WriteBehindOptions {
  /** Milliseconds. */
  readonly idleTimeout: number;
  /** Removes, then writes; answers one reply per write, or `away` when it is not known what became of them. */
  readonly send: (removals: readonly Removal[], writes: readonly Write[]) => Promise<readonly WriteReply[] | 'away'>;
  readonly superseded: (id: string) => void;
  /** It has no JSON, so its present state is not kept; said once. */
  readonly unstorable: (id: string, error: unknown) => void;
}

interface Held {
  readonly session: Storable;
  /** Counts, so that a change that comes during a write is not lost. */
  changes: number;
  /** What the store has, as far as known. */
  stored: Stored | undefined;
  /** Said already, so that a busy session does not fill the log. */
  unstorable: boolean;
}

interface Attempt extends ComposedWrite {
  readonly held: Held;
  readonly changes: number;
}

/** A batch ends at whichever comes first: some milliseconds of work, and a bound for what is in memory twice. */
const BATCH_SESSIONS = 64;
const BATCH_BYTES = 256 * 1024;
/** The pause between batches while few sessions wait: a busy session costs a hundred writes a second at most. */
const PAUSE_MS = 10;
/** Unchanged sessions in use are written at least so often, or they would expire. */
const LONGEST_REFRESH_MS = 30_000;
/** Removals that wait while the store is away; beyond, the oldest is left to expire. */
const MOST_REMOVALS = 10_000;

/**
 * Holds what has to be written, and writes it batch by batch, one at a time, the newest state of each session only.
 * Paused until `resume`, and whenever a batch did not go through.
 */
export class WriteBehind {
  readonly #options: WriteBehindOptions;
  readonly #refreshAfter: number;
  readonly #held = new Map<string, Held>();
  /** Ids whose newest state is not stored, the one that waits longest first. */
  readonly #waiting = new Set<string>();
  /** Epochs by id. */
  readonly #removals = new Map<string, number>();
  #open = false;
  #running: Promise<void> | undefined;
  /** Starts at the time, so that versions rise even if two processes used an owner tag in turn. */
  #version = Date.now();

  constructor(options: WriteBehindOptions) {
    this.#options = options;
    this.#refreshAfter = Math.min(LONGEST_REFRESH_MS, options.idleTimeout / 4);
  }

  /** How many sessions wait to be written. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether the newest state of a session is in the store. */
  has(id: string): boolean {
    return this.#held.get(id)?.stored !== undefined && !this.#waiting.has(id);
  }

  changed(session: Storable): void {
    const { id } = session.record;
    let held = this.#held.get(id);
    if (held?.session !== session) {
      held = { session, changes: 0, stored: undefined, unstorable: false };
      this.#held.set(id, held);
    }
    held.changes++;
    this.#waiting.add(id);
    this.#wake();
  }

  remove({ id, epoch }: SessionRecord): void {
    this.forget(id);
    this.#removals.set(id, epoch);
    if (this.#removals.size > MOST_REMOVALS)
      for (const oldest of first(1, this.#removals.keys())) this.#removals.delete(oldest);
    this.#wake();
  }

  forget(id: string): void {
    this.#held.delete(id);
    this.#waiting.delete(id);
  }

  /** Writes all of these whole, since nothing is known of what the store has. */
  writeAll(sessions: Iterable<Storable>): void {
    for (const held of this.#held.values()) held.stored = undefined;
    for (const session of sessions) this.changed(session);
  }

  /** Writes again what nobody used but is still held, long before it would expire in the store. */
  keepAlive(): void {
    const before = performance.now() - this.#options.idleTimeout / 2;
    for (const { session, stored } of this.#held.values()) {
      if (stored !== undefined && stored.at < before) this.changed(session);
    }
  }

  resume(): void {
    this.#open = true;
    this.#wake();
  }

  pause(): void {
    this.#open = false;
  }

  /** Fulfilled when everything is written, or nothing more can be now. */
  async drained(): Promise<void> {
    while (this.#open && this.#pending) {
      this.#wake();
      await this.#running;
    }
  }

  get #pending(): boolean {
    return this.#waiting.size + this.#removals.size > 0;
  }

  #wake(): void {
    if (this.#open) this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    await nextTurn();
    while (this.#open && this.#pending) {
      await this.#writeBatch();
      await (this.#waiting.size > BATCH_SESSIONS ? nextTurn() : delay(PAUSE_MS));
    }
    this.#running = undefined;
  }

  async #writeBatch(): Promise<void> {
    const removals = first(BATCH_SESSIONS, this.#removals).map(([id, epoch]) => ({ id, epoch }));
    const attempts = this.#nextAttempts();
    if (removals.length + attempts.length === 0) return;
    const replies = await this.#options.send(
      removals,
      attempts.map(({ write }) => write),
    );
    // Whoever sees that the store is well again resumes.
    if (replies === 'away' || replies.includes('failed')) this.#open = false;
    if (replies !== 'away') {
      for (const { id, epoch } of removals) if (this.#removals.get(id) === epoch) this.#removals.delete(id);
    }
    for (const [index, attempt] of attempts.entries()) {
      this.#settle(attempt, replies === 'away' ? 'failed' : (replies[index] ?? 'failed'));
    }
  }

  #nextAttempts(): Attempt[] {
    const attempts: Attempt[] = [];
    let bytes = 0;
    for (const id of first(BATCH_SESSIONS, this.#waiting)) {
      // To the end of the line, so that a session that changes without pause lets others pass.
      this.#waiting.delete(id);
      const held = this.#held.get(id);
      const composed = held && this.#compose(held);
      if (held === undefined || composed === undefined) continue;
      this.#waiting.add(id);
      attempts.push({ ...composed, held, changes: held.changes });
      bytes += composed.write.record.length + composed.write.events.reduce((sum, event) => sum + event.length, 0);
      if (bytes > BATCH_BYTES) break;
    }
    return attempts;
  }

  #compose(held: Held): ComposedWrite | undefined {
    try {
      return composeWrite(held.session, held.stored, ++this.#version, this.#refreshAfter);
    } catch (error) {
      if (!held.unstorable) this.#options.unstorable(held.session.record.id, error);
      held.unstorable = true;
      return undefined;
    }
  }

  #settle({ held, changes, write: { id, epoch }, after }: Attempt, reply: WriteReply): void {
    if (this.#held.get(id) !== held) return;
    if (reply === 'stored') {
      held.stored = after;
      if (held.changes === changes) this.#waiting.delete(id);
    } else if (reply === 'superseded' && held.session.record.epoch === epoch) {
      this.forget(id);
      this.#options.superseded(id);
    } else {
      held.stored = undefined;
    }
  }
}

function first<T>(count: number, items: Iterable<T>): T[] {
  const found: T[] = [];
  for (const item of items) {
    if (found.length === count) break;
    found.push(item);
  }
  return found;
}
