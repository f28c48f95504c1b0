import type { IncomingMessage, ServerResponse } from 'node:http';
import { newSessionId } from '../../fleet/session-id.ts';
import type { EndReason, ServerDefinition } from '../../sources/define-server.ts';
import type { StreamRegistry } from '../event-stream.ts';
import type { Release } from '../gate.ts';
import type { JsonRpcRequest } from '../json-rpc.ts';
import type { Log } from '../log.ts';
import type { Call } from './calls.ts';
import { Session, type SessionObserver } from './session.ts';

/** What is counted of sessions and their calls. */
export interface SessionMetrics {
  sessionOpened(): void;
  sessionClosed(reason: EndReason, seconds: number): void;
  requestStarted(era: 'legacy' | 'modern'): void;
  requestOver(era: 'legacy' | 'modern', method: string, seconds: number): void;
}

export interface SessionsOptions {
  readonly definition: ServerDefinition;
  readonly ownerTag: string;
  /** Milliseconds. */
  readonly sessionIdleTimeout: number;
  /** Milliseconds. */
  readonly evictAfter: number;
  readonly maxEventLog: number;
  readonly maxStreamBuffer: number;
  readonly streams: StreamRegistry;
  readonly metrics: SessionMetrics;
  readonly log: Log;
  readonly clock: () => number;
}

interface Held {
  readonly session: Session;
  readonly release: Release;
  opening: boolean;
}

/** The sessions of this process: by id, and the quiet ones in the order in which they were last used. */
export class Sessions implements SessionObserver {
  readonly #options: SessionsOptions;
  readonly #held = new Map<string, Held>();
  /** When each quiet session was last used; insertion order is that order, so the first is the longest idle. */
  readonly #quiet = new Map<Session, number>();
  #opening = 0;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Sessions whose server object is being made. */
  get opening(): number {
    return this.#opening;
  }

  get size(): number {
    return this.#held.size;
  }

  get(id: string): Session | undefined {
    return this.#held.get(id)?.session;
  }

  [Symbol.iterator](): Iterator<Session> {
    return [...this.#held.values()].map(({ session }) => session)[Symbol.iterator]();
  }

  /** Opens a session on a slot that is already taken; the slot goes back when the session ends. */
  open(initialize: JsonRpcRequest, release: Release, req: IncomingMessage, res: ServerResponse): void {
    const { definition, ownerTag, maxEventLog, maxStreamBuffer, streams, clock } = this.#options;
    const session = new Session({
      record: {
        id: newSessionId(ownerTag),
        epoch: 0,
        protocolVersion: '',
        initialize: initialize.params ?? {},
        subject: undefined,
        logLevel: undefined,
        subscriptions: [],
        state: {},
      },
      maxEventLog,
      maxStreamBuffer,
      streams,
      observer: this,
      clock,
      create: (context) => definition.create(context),
    });
    const held: Held = { session, release, opening: true };
    this.#held.set(session.record.id, held);
    this.#opening++;
    this.#options.metrics.sessionOpened();
    void session.open(initialize, req, res).finally(() => {
      this.#opening--;
      held.opening = false;
      if (session.ended) release();
    });
  }

  /** Whether the longest-idle session may be closed to make room. */
  get evictable(): boolean {
    return this.#idleFor(this.#options.evictAfter).next().done === false;
  }

  /** Closes the longest-idle session if it may be closed; answers whether there is room now. */
  evict(): boolean {
    const { value: longest } = this.#idleFor(this.#options.evictAfter).next();
    longest?.end('evicted');
    return longest !== undefined;
  }

  /** Closes the sessions that nobody has used for the idle timeout. To be called every second or so. */
  expire(): void {
    for (const session of this.#idleFor(this.#options.sessionIdleTimeout)) session.end('expired');
  }

  /** The sessions that nobody has used for so many milliseconds, the longest idle first. */
  *#idleFor(milliseconds: number): Generator<Session, undefined> {
    const latest = this.#options.clock() - milliseconds;
    for (const [session, lastUsed] of this.#quiet) {
      if (lastUsed > latest) return;
      if (!session.use.pinned) yield session;
    }
  }

  busy(session: Session): void {
    this.#quiet.delete(session);
  }

  quiet(session: Session): void {
    this.#quiet.delete(session);
    this.#quiet.set(session, this.#options.clock());
  }

  callStarted(): void {
    this.#options.metrics.requestStarted('legacy');
  }

  callOver({ request, startedAt }: Call): void {
    this.#options.metrics.requestOver('legacy', request.method, (this.#options.clock() - startedAt) / 1_000);
  }

  ended(session: Session, reason: EndReason): void {
    const { id } = session.record;
    this.#quiet.delete(session);
    const held = this.#held.get(id);
    // What is still being made is still being paid for.
    if (held?.opening === false) held.release();
    this.#held.delete(id);
    const seconds = (this.#options.clock() - session.openedAt) / 1_000;
    this.#options.metrics.sessionClosed(reason, seconds);
    this.#options.log.debug({ session: id, reason, seconds }, 'Closed session');
  }

  failed(session: Session, error: unknown): void {
    this.#options.log.error({ session: session.record.id, err: error }, 'Server object failed');
  }
}
