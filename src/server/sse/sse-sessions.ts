import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { newSessionId } from '../../fleet/session-id.ts';
import type { EndReason } from '../../sources/define-server.ts';
import type { SourceDefinition } from '../../sources/source.ts';
import type { StreamRegistry } from '../event-stream.ts';
import { FanOut } from '../fan-out.ts';
import type { Release } from '../gate.ts';
import type { Answering, Call } from '../legacy/calls.ts';
import type { Log } from '../log.ts';
import type { Change } from '../notifier.ts';
import type { SessionMetrics } from '../session-metrics.ts';
import { startLimitOf } from '../start-limit.ts';
import { type SseObserver, SseSession } from './sse-session.ts';

export interface SseSessionsOptions {
  readonly definition: SourceDefinition;
  readonly ownerTag: string;
  readonly maxStreamBuffer: number;
  readonly streams: StreamRegistry;
  readonly metrics: SessionMetrics;
  readonly log: Log;
  readonly clock: () => number;
  /** The fleet's secret, as it is now. */
  readonly fleetKey: () => string;
  /** Milliseconds for a command's first answer. */
  readonly startTimeout: number;
}

/** The HTTP+SSE sessions of this process, each with an open stream and a slot. */
export class SseSessions implements SseObserver {
  readonly #options: SseSessionsOptions;
  readonly #sessions = new Map<string, SseSession>();
  readonly #fanOut = new FanOut((id, change) => this.#sessions.get(id)?.notify(change));
  #drained = 0;

  constructor(options: SseSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Messages on their way in. */
  get arriving(): number {
    let arriving = 0;
    for (const { pins } of this.#sessions.values()) arriving += pins;
    return arriving;
  }

  /** How many were closed so that their clients go elsewhere. */
  get drained(): number {
    return this.#drained;
  }

  get(id: string): SseSession | undefined {
    return this.#sessions.get(id);
  }

  [Symbol.iterator](): Iterator<SseSession> {
    return [...this.#sessions.values()][Symbol.iterator]();
  }

  /** Opens a session on a slot that is already taken; `headersOf` says what goes with the head of its stream. */
  open(res: ServerResponse, release: Release, headersOf?: (id: string) => OutgoingHttpHeaders): void {
    const { definition, ownerTag, maxStreamBuffer, streams, metrics, clock, fleetKey, startTimeout } = this.#options;
    const id = newSessionId(ownerTag);
    const session = new SseSession(res, {
      id,
      release,
      ...(headersOf && { headers: headersOf(id) }),
      maxStreamBuffer,
      streams,
      observer: this,
      clock,
      fleetKey,
      startLimit: startLimitOf(startTimeout),
      parkable: definition.sessions === 'parkable',
      create: (context) => definition.create(context),
    });
    this.#sessions.set(id, session);
    metrics.sessionOpened();
  }

  /** Tells clients of a change. */
  notify(change: Change): void {
    const listening = [...this.#sessions.values()].filter((session) => session.wants(change));
    this.#fanOut.add(
      change,
      listening.map(({ id }) => id),
    );
  }

  /** Ends those that are still there. */
  endAll(reason: EndReason): void {
    for (const session of this) session.end(reason);
  }

  callStarted(): void {
    this.#options.metrics.requestStarted('legacy');
  }

  callOver({ request, startedAt }: Call<Answering>): void {
    this.#options.metrics.requestOver('legacy', request.method, (this.#options.clock() - startedAt) / 1_000);
  }

  ending({ id }: SseSession): void {
    this.#fanOut.flush(id);
  }

  ended({ id, openedAt }: SseSession, reason: EndReason): void {
    this.#sessions.delete(id);
    if (reason === 'drained') this.#drained++;
    const seconds = (Date.now() - openedAt) / 1_000;
    this.#options.metrics.sessionClosed(reason, seconds);
    this.#options.log.debug({ session: id, reason, seconds }, 'Closed session');
  }

  failed({ id }: SseSession, error: unknown): void {
    this.#options.log.error({ session: id, err: error }, 'Server object failed');
  }
}
