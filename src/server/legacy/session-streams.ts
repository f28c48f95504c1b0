import type { ServerResponse } from 'node:http';
import type { EventStream } from '../event-stream.ts';
import { type EventLog, eventId, type Position, STANDALONE } from './event-log.ts';
import type { Exchange } from './exchange.ts';
import { RESUME_AFTER_MS, replay } from './replay.ts';

/** A replaced stream's client has a newer one: it need not hurry back. */
const REPLACED_RETRY_MS = 30_000;

export interface SessionStreamsOptions {
  readonly log: EventLog;
  /** Whether the client knows priming events (2025-11-25 and later). */
  primes(): boolean;
  open(res: ServerResponse, kind: 'standalone' | 'request', onClose?: (stream: EventStream) => void): EventStream;
}

/** The streams of one session: the standalone one, and POSTs in progress that have become streams. */
export class SessionStreams {
  readonly #options: SessionStreamsOptions;
  readonly #exchanges = new Map<number, Exchange>();
  #standalone: EventStream | undefined;

  constructor(options: SessionStreamsOptions) {
    this.#options = options;
  }

  get listening(): boolean {
    return this.#standalone !== undefined;
  }

  /** Gives a POST that becomes a stream its number. */
  add(exchange: Exchange): number {
    const number = this.#options.log.newStream();
    this.#exchanges.set(number, exchange);
    return number;
  }

  remove(exchange: Exchange): void {
    if (exchange.number !== undefined) this.#exchanges.delete(exchange.number);
  }

  /** Sends what belongs to no request; before the first reader it waits in the log. */
  send(data: string): Promise<void> | undefined {
    const id = this.#options.log.append(STANDALONE, data);
    return this.#standalone?.message(data, id);
  }

  /** Closes the standalone stream; its client comes back after `retry` milliseconds. */
  sendAway(retry?: number): void {
    if (retry !== undefined) this.#standalone?.retry(retry);
    this.#standalone?.end();
  }

  /**
   * Serves a GET: the standalone stream, or what a lost stream still has to say (MCP 2025-11-25, resumability).
   * Answers false when that stream is over and its reader had all of it.
   */
  listen(res: ServerResponse, lastEventId: string | undefined): boolean {
    const position = lastEventId === undefined ? undefined : this.#options.log.find(lastEventId);
    if (position === undefined || position.stream === STANDALONE) {
      // The first reader has missed nothing yet: it gets what came before it.
      const first = this.#options.log.listened ? undefined : this.#options.log.find(eventId(STANDALONE, 0));
      this.#openStandalone(res, position ?? first);
      return true;
    }
    const exchange = this.#exchanges.get(position.stream);
    if (exchange !== undefined) exchange.resume(res, position);
    else if (position.missed.length > 0) this.#replayAll(res, position);
    else if (position.trimmed || position.stream > this.#options.log.lastStream) this.#openStandalone(res, undefined);
    else return false;
    return true;
  }

  #openStandalone(res: ServerResponse, position: Position | undefined): void {
    this.#options.log.listened = true;
    this.#standalone?.leave(REPLACED_RETRY_MS);
    const stream = this.#options.open(res, 'standalone', (closed) => {
      if (this.#standalone === closed) this.#standalone = undefined;
    });
    this.#standalone = stream;
    if (position !== undefined) replay(stream, position);
    // After the replay: an id from before it would have the client read that part twice, one from after it none.
    if (this.#options.primes()) stream.prime(this.#options.log.mark(STANDALONE), RESUME_AFTER_MS);
  }

  #replayAll(res: ServerResponse, position: Position): void {
    const stream = this.#options.open(res, 'request');
    replay(stream, position);
    stream.end();
  }
}
