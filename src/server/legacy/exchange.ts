import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ErrorCode, type JsonRpcMessage, type JsonRpcResponse, type RequestId } from '../../protocol/json-rpc.ts';
import { errorIn, type HttpAnswer } from '../../sources/raw-server.ts';
import { answerError, answerText } from '../answers.ts';
import type { EventStream } from '../event-stream.ts';
import { type Delayed, SharedDelay, type Waiting } from '../shared-delay.ts';
import type { EventLog, Position } from './event-log.ts';
import { RESUME_AFTER_MS, replay } from './replay.ts';

/** How long an answer may take before its POST becomes a stream: proxies and clients want to see that it is alive. */
const streamDelay = new SharedDelay(2_000);

/** A client that lost its stream comes back within 3 s, and may have to try again. */
const AWAY_LIMIT_MS = 10_000;

/** What an exchange needs of its session. */
export interface ExchangeHost {
  readonly log: EventLog;
  /** Whether the client knows priming events (2025-11-25 and later). */
  readonly primes: boolean;
  /** Whether the client can come back for what it missed. */
  readonly resumable: boolean;
  openStream(res: ServerResponse, headers: OutgoingHttpHeaders, onClose: (stream: EventStream) => void): EventStream;
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
export class Exchange implements Waiting {
  readonly #pending: Set<RequestId>;
  readonly #batch: boolean;
  readonly #host: ExchangeHost;
  readonly #delayed: Delayed;
  /** Sent with the answer, in whichever form it comes. */
  headers: OutgoingHttpHeaders;
  readonly #answers: string[] = [];
  /** The response, while it is open whether it will be JSON or a stream. */
  #res: ServerResponse | undefined;
  #stream: EventStream | undefined;
  /** The number of the stream, once this is one; it stays when its reader goes, since the reader may come back. */
  #number: number | undefined;
  /** Whoever waits for a reader to come back; `for good` when none is expected any more. */
  #away: PromiseWithResolvers<void> | 'for good' | undefined;

  constructor(res: ServerResponse, options: ExchangeOptions) {
    this.#res = res;
    this.#pending = new Set(options.requests);
    this.#batch = options.batch;
    this.#host = options.host;
    this.headers = options.headers ?? {};
    this.#delayed = streamDelay.add(this);
  }

  /** Shows that it is alive. */
  late(): void {
    this.#becomeStream();
  }

  /** The response, unless it was answered or made a stream, or its client has gone. */
  get #unanswered(): ServerResponse | undefined {
    return this.#res?.destroyed === true || this.#res?.headersSent === true ? undefined : this.#res;
  }

  get number(): number | undefined {
    return this.#number;
  }

  /** Answers one request; the promise, if there is one, ends when a slow reader has caught up. */
  respond(id: RequestId, message: JsonRpcResponse): Promise<void> | undefined {
    if (!this.#pending.has(id)) return undefined;
    const data = serialize(id, message);
    this.#pending.delete(id);
    if (this.#number === undefined) this.#answers.push(data);
    const written = this.#number === undefined ? undefined : this.#emit(this.#number, data, 'queue');
    return this.#pending.size === 0 ? (this.#finish() ?? written) : written;
  }

  /** Answers one request in the words of HTTP; with a JSON-RPC error where there is no saying it so any more. */
  answer(id: RequestId, answer: HttpAnswer): void {
    const res = this.#unanswered;
    if (res === undefined || this.#batch) {
      return void this.respond(id, { jsonrpc: '2.0', id, error: errorIn(answer) });
    }
    if (!this.#pending.delete(id)) return;
    res.writeHead(answer.status, answer.headers);
    res.end(answer.body);
    this.#finish();
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
    if (this.#pending.size === 0) return;
    this.#becomeStream();
    this.#stream?.end();
  }

  /** Serves a reader that came back: what it missed, then what is still to come. */
  resume(res: ServerResponse, position: Position): void {
    this.#stream?.leave();
    replay(this.#open(res), position);
  }

  /** Ends everything with an error, where an answer is still possible. */
  abort(status: number, error: { readonly code: number; readonly message: string }): void {
    this.#delayed.leave();
    this.#comeBack();
    const ids = [...this.#pending];
    this.#pending.clear();
    if (this.#res !== undefined && this.#answers.length > 0) {
      // What is answered of a batch must not be lost with the rest.
      for (const id of ids) this.#answers.push(JSON.stringify({ jsonrpc: '2.0', id, error }));
      void this.#answer(this.#res);
    } else if (this.#res !== undefined) {
      answerError(this.#res, status, error, ids[0] ?? null);
    }
    if (this.#number !== undefined) {
      for (const id of ids) this.#emit(this.#number, JSON.stringify({ jsonrpc: '2.0', id, error }));
    }
    this.#stream?.end();
    this.#host.finished(this);
  }

  #finish(): Promise<void> | undefined {
    this.#delayed.leave();
    this.#comeBack();
    this.#host.finished(this);
    if (this.#number !== undefined) this.#stream?.end();
    else if (this.#res !== undefined && this.#answers.length > 0) return this.#answer(this.#res);
    // Cancelled before anything was said: a request is never answered with 202 (MCP 2025-11-25, sending messages, 5).
    else if (this.#unanswered !== undefined) this.#open(this.#unanswered).end();
    return undefined;
  }

  #answer(res: ServerResponse): Promise<void> | undefined {
    // They are the socket's now; the exchange may be there until a slow reader has them.
    const answers = this.#answers.splice(0);
    const text = this.#batch ? `[${answers.join(',')}]` : (answers[0] as string);
    return answerText(res, 200, text, this.headers);
  }

  #becomeStream(): number {
    if (this.#number !== undefined) return this.#number;
    this.#delayed.leave();
    const number = this.#host.numberStream(this);
    this.#number = number;
    const res = this.#unanswered;
    this.#res = undefined;
    if (res !== undefined) {
      const stream = this.#open(res);
      if (this.#host.primes) stream.prime(this.#host.log.mark(number), RESUME_AFTER_MS);
    }
    for (const data of this.#answers.splice(0)) void this.#emit(number, data, 'queue');
    return number;
  }

  #open(res: ServerResponse): EventStream {
    this.#comeBack();
    this.#stream = this.#host.openStream(res, this.headers, (closed) => {
      if (this.#stream === closed) this.#stream = undefined;
    });
    return this.#stream;
  }

  /** `queue`: an answer, for which no reader is cut. */
  #emit(number: number, data: string, how: 'message' | 'queue' = 'message'): Promise<void> | undefined {
    const { log, resumable } = this.#host;
    const id = log.append(number, data);
    if (this.#stream !== undefined) return this.#stream[how](data, resumable ? id : undefined);
    return resumable && log.full && this.#pending.size > 0 ? this.#readerBack() : undefined;
  }

  /** Holds the sender: what the log has no room for would be missing to a reader that comes back. */
  #readerBack(): Promise<void> | undefined {
    if (this.#away === 'for good') return undefined;
    if (this.#away === undefined) {
      const back = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        this.#away = 'for good';
        back.resolve();
      }, AWAY_LIMIT_MS).unref();
      void back.promise.then(() => clearTimeout(timer));
      this.#away = back;
    }
    return this.#away.promise;
  }

  #comeBack(): void {
    if (typeof this.#away === 'object') this.#away.resolve();
    this.#away = undefined;
  }
}

/** A result that is no JSON, such as one with a cycle, must still be answered. */
export function serialize(id: RequestId, message: JsonRpcResponse): string {
  try {
    return JSON.stringify(message);
  } catch {
    const error = { code: ErrorCode.internal, message: 'The result can not be written as JSON.' };
    return JSON.stringify({ jsonrpc: '2.0', id, error });
  }
}
