import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { answerEmpty, answerError } from '../answers.ts';
import type { EventStream } from '../event-stream.ts';
import type { JsonRpcMessage, JsonRpcResponse, RequestId } from '../json-rpc.ts';
import type { EventLog, Position } from './event-log.ts';
import { RESUME_AFTER_MS, replay } from './replay.ts';

/** How long an answer may take before its POST becomes a stream: proxies and clients want to see that it is alive. */
const STREAM_AFTER_MS = 2_000;

/** What an exchange needs of its session. */
export interface ExchangeHost {
  readonly log: EventLog;
  /** Whether the client knows priming events (2025-11-25 and later). */
  readonly primes: boolean;
  openStream(res: ServerResponse, headers: OutgoingHttpHeaders, onClose: () => void): EventStream;
  /** Numbers the exchange's stream, so that it can be found by an event id. */
  numberStream(exchange: Exchange): number;
  /** All its requests are answered or cancelled. */
  finished(exchange: Exchange): void;
}

export interface ExchangeOptions {
  readonly requests: Iterable<RequestId>;
  readonly batch: boolean;
  readonly host: ExchangeHost;
  readonly headers?: OutgoingHttpHeaders;
}

/**
 * One POST and the answers to its requests: JSON when they come first and soon, a stream of events when they do not
 * (MCP 2025-11-25, Streamable HTTP, sending messages).
 */
export class Exchange {
  readonly #pending: Set<RequestId>;
  readonly #batch: boolean;
  readonly #host: ExchangeHost;
  /** Sent with the answer, in whichever form it comes. */
  headers: OutgoingHttpHeaders;
  readonly #answers: string[] = [];
  readonly #timer: NodeJS.Timeout;
  /** The response, while it is open whether it will be JSON or a stream. */
  #res: ServerResponse | undefined;
  #stream: EventStream | undefined;
  /** The number of the stream, once this is one; it stays when its reader goes, since the reader may come back. */
  #number: number | undefined;

  constructor(res: ServerResponse, options: ExchangeOptions) {
    this.#res = res;
    this.#pending = new Set(options.requests);
    this.#batch = options.batch;
    this.#host = options.host;
    this.headers = options.headers ?? {};
    this.#timer = setTimeout(() => this.#becomeStream(), STREAM_AFTER_MS).unref();
    res.once('close', () => {
      this.#res = undefined;
    });
  }

  get number(): number | undefined {
    return this.#number;
  }

  /** Answers one request; the promise, if there is one, ends when a slow reader has caught up. */
  respond(id: RequestId, message: JsonRpcResponse): Promise<void> | undefined {
    if (!this.#pending.delete(id)) return undefined;
    const data = JSON.stringify(message);
    if (this.#number === undefined) this.#answers.push(data);
    const written = this.#number === undefined ? undefined : this.#emit(this.#number, data);
    if (this.#pending.size === 0) this.#finish();
    return written;
  }

  /** Sends what belongs to one of its requests: progress, a log message, a request to the client. */
  send(message: JsonRpcMessage): Promise<void> | undefined {
    return this.#emit(this.#becomeStream(), JSON.stringify(message));
  }

  /** Ends the waiting for a request that the client cancelled; nobody answers it any more. */
  cancel(id: RequestId): void {
    if (this.#pending.delete(id) && this.#pending.size === 0) this.#finish();
  }

  /** Lets go of the reader, who comes back with `Last-Event-ID` for the rest (SEP-1699). */
  closeStream(): void {
    this.#becomeStream();
    this.#stream?.end();
  }

  /** Serves a reader that came back: what it missed, then what is still to come. */
  resume(res: ServerResponse, position: Position): void {
    this.#stream?.end();
    replay(this.#open(res), position);
  }

  /** Ends everything with an error, where an answer is still possible. */
  abort(status: number, error: { readonly code: number; readonly message: string }): void {
    clearTimeout(this.#timer);
    const [id] = this.#pending;
    this.#pending.clear();
    if (this.#res !== undefined) answerError(this.#res, status, error, id ?? null);
    this.#stream?.end();
    this.#host.finished(this);
  }

  #finish(): void {
    clearTimeout(this.#timer);
    if (this.#number !== undefined) this.#stream?.end();
    else if (this.#res !== undefined && this.#answers.length > 0) this.#answer(this.#res);
    else if (this.#res !== undefined) answerEmpty(this.#res, 202);
    this.#host.finished(this);
  }

  #answer(res: ServerResponse): void {
    const text = this.#batch ? `[${this.#answers.join(',')}]` : (this.#answers[0] as string);
    res.writeHead(200, {
      ...this.headers,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    res.end(text);
  }

  #becomeStream(): number {
    if (this.#number !== undefined) return this.#number;
    clearTimeout(this.#timer);
    const number = this.#host.numberStream(this);
    this.#number = number;
    if (this.#res !== undefined) {
      const stream = this.#open(this.#res);
      this.#res = undefined;
      if (this.#host.primes) stream.prime(this.#host.log.mark(number), RESUME_AFTER_MS);
    }
    for (const data of this.#answers.splice(0)) this.#emit(number, data);
    return number;
  }

  #open(res: ServerResponse): EventStream {
    const stream = this.#host.openStream(res, this.headers, () => {
      if (this.#stream === stream) this.#stream = undefined;
    });
    this.#stream = stream;
    return stream;
  }

  #emit(number: number, data: string): Promise<void> | undefined {
    const id = this.#host.log.append(number, data);
    return this.#stream?.message(data, id);
  }
}
