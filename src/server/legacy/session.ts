import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { AnyMcpServer, EndReason, ServerSession } from '../../sources/define-server.ts';
import { answerError } from '../answers.ts';
import { EventStream, type StreamRegistry } from '../event-stream.ts';
import {
  ErrorCode,
  isNotification,
  isRequest,
  isResponse,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type RequestId,
} from '../json-rpc.ts';
import { type Call, Calls } from './calls.ts';
import { ClientSetup } from './client-setup.ts';
import { EventLog } from './event-log.ts';
import { Exchange, type ExchangeHost } from './exchange.ts';
import { ServerObject } from './server-object.ts';
import type { SessionRecord } from './session-record.ts';
import { SessionStreams } from './session-streams.ts';
import { type MessageContext, messageContext, type Outbound, SessionTransport } from './session-transport.ts';
import { isUse, SessionUse } from './session-use.ts';

/** Clients wait for 60 s; a slot must not be lost to a module that never comes back. */
const CREATE_LIMIT_MS = 30_000;

/** Whoever keeps the sessions: told when one gets busy, quiet, or ends, and of every call. */
export interface SessionObserver {
  busy(session: Session): void;
  quiet(session: Session): void;
  callStarted(): void;
  callOver(call: Call): void;
  ended(session: Session, reason: EndReason): void;
  failed(session: Session, error: unknown): void;
}

export interface SessionOptions {
  readonly record: SessionRecord;
  readonly maxEventLog: number;
  readonly maxStreamBuffer: number;
  readonly streams: StreamRegistry;
  readonly observer: SessionObserver;
  readonly clock: () => number;
  create(session: ServerSession): AnyMcpServer | Promise<AnyMcpServer>;
}

/** One legacy-era session: its record, its event log, and while it is active its server object. */
export class Session implements ExchangeHost, Outbound {
  readonly record: SessionRecord;
  readonly log: EventLog;
  readonly openedAt: number;
  readonly use: SessionUse;
  readonly #options: SessionOptions;
  readonly #object: ServerObject;
  readonly #calls: Calls;
  readonly #setup: ClientSetup;
  readonly #streams: SessionStreams;
  readonly #exchanges = new Set<Exchange>();
  #ended: EndReason | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.record = options.record;
    this.log = new EventLog(options.maxEventLog);
    this.openedAt = options.clock();
    this.use = new SessionUse({
      busy: () => !this.ended && options.observer.busy(this),
      quiet: () => !this.ended && options.observer.quiet(this),
    });
    this.#setup = new ClientSetup(options.record);
    this.#calls = new Calls((call) => this.#callOver(call));
    this.#object = new ServerObject({
      record: options.record,
      transport: new SessionTransport(options.record.id, this),
      handlers: this.#calls,
      create: (session) => options.create(session),
      failed: (error) => options.observer.failed(this, error),
    });
    this.#streams = new SessionStreams({
      log: this.log,
      primes: () => this.primes,
      open: (res, kind, onClose) => this.#openStream(res, kind, {}, onClose),
    });
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  get requestsInFlight(): number {
    return this.#calls.size;
  }

  get primes(): boolean {
    return this.record.protocolVersion >= '2025-11-25';
  }

  /** Whether its standalone stream is open. */
  get listening(): boolean {
    return this.#streams.listening;
  }

  isInFlight(id: RequestId): boolean {
    return this.#calls.get(id) !== undefined;
  }

  /** Builds the server object and hands it the client's `initialize`, whose answer carries the session's id. */
  async open(initialize: JsonRpcRequest, req: IncomingMessage, res: ServerResponse): Promise<void> {
    res.once('close', () => {
      if (!res.writableFinished) this.end('abandoned');
    });
    try {
      await within(CREATE_LIMIT_MS, this.#object.open());
    } catch (error) {
      this.#options.observer.failed(this, error);
      const message = 'The server could not be started for this session.';
      answerError(res, 500, { code: ErrorCode.internal, message }, initialize.id);
      this.end('failed');
    }
    if (!this.ended) return this.receive([initialize], false, req, res);
    answerError(res, 503, { code: ErrorCode.unavailable, message: 'The server is shutting down.' }, initialize.id);
  }

  /** Takes the messages of one POST; answers it unless there is nothing to answer (then the caller does). */
  receive(messages: readonly JsonRpcMessage[], batch: boolean, req: IncomingMessage, res: ServerResponse): void {
    const requests = messages.filter(isRequest);
    const exchange =
      requests.length === 0
        ? undefined
        : new Exchange(res, {
            requests: requests.map((request) => request.id),
            batch,
            host: this,
            headers: this.record.protocolVersion === '' ? { 'mcp-session-id': this.record.id } : {},
          });
    if (exchange !== undefined) this.#exchanges.add(exchange);
    const used = messages.some(isUse);
    if (used) this.use.hold();
    const context = messageContext(req, {
      ...(exchange !== undefined && this.primes && { closeSSEStream: () => exchange.closeStream() }),
      closeStandaloneSSEStream: () => this.#streams.sendAway(),
    });
    for (const message of messages) {
      if (this.ended) break;
      if (isRequest(message) && exchange !== undefined) this.#serve(message, exchange, context);
      else this.#object.deliver(message, context);
    }
    // After all of them: the SDKs cancel once the whole batch is in, whatever its order.
    for (const message of messages) {
      if (isNotification(message) && message.method === 'notifications/cancelled') this.#cancelled(message.params);
    }
    if (used) this.use.letGo();
  }

  /** Serves a GET; answers false when the stream that it asks for is over and was read to its end. */
  listen(res: ServerResponse, lastEventId: string | undefined): boolean {
    return this.#streams.listen(res, lastEventId);
  }

  /** Closes the standalone stream; the client comes back soon, wherever it is routed then. */
  sendAway(): void {
    this.#streams.sendAway(awayFor());
  }

  /** Tells the client of a change, if it wants to know. */
  notify(method: string, uri?: string): void {
    if (!this.#setup.wants(method, uri)) return;
    void this.send({ jsonrpc: '2.0', method, ...(uri !== undefined && { params: { uri } }) }, undefined);
  }

  send(message: JsonRpcMessage, relatedTo: RequestId | undefined): Promise<void> | undefined {
    if (isResponse(message)) return this.#respond(message);
    if (relatedTo === undefined) return this.#streams.send(JSON.stringify(message));
    const call = this.#calls.get(relatedTo);
    if (call === undefined || call.dropped || call.answered) {
      // A request that nobody can answer must fail now; a notification is merely late.
      if (isRequest(message)) throw new Error(`Request ${relatedTo} is over: its client can not be asked any more.`);
      return undefined;
    }
    return call.exchange.send(message);
  }

  closedByServer(): void {
    this.end('closed');
  }

  /** Ends the session for good, once: streams, server object, slot. */
  end(reason: EndReason): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#options.observer.ended(this, reason);
    const error = { code: ErrorCode.sessionNotFound, message: `Session ended: ${reason}` };
    for (const exchange of [...this.#exchanges]) exchange.abort(reason === 'drained' ? 503 : 404, error);
    this.#calls.dropAll();
    this.#streams.sendAway(reason === 'drained' ? awayFor() : undefined);
    this.#object.end(reason);
  }

  openStream(res: ServerResponse, headers: OutgoingHttpHeaders, onClose: (stream: EventStream) => void): EventStream {
    return this.#openStream(res, 'request', headers, onClose);
  }

  numberStream(exchange: Exchange): number {
    return this.#streams.add(exchange);
  }

  finished(exchange: Exchange): void {
    this.#exchanges.delete(exchange);
    this.#streams.remove(exchange);
  }

  #openStream(
    res: ServerResponse,
    kind: 'standalone' | 'request',
    headers: OutgoingHttpHeaders,
    onClose: ((stream: EventStream) => void) | undefined,
  ): EventStream {
    const stream = new EventStream(res, {
      kind,
      headers,
      maxBuffer: this.#options.maxStreamBuffer,
      registry: this.#options.streams,
      onClose: (closed) => {
        onClose?.(closed);
        this.use.letGo();
      },
    });
    this.use.hold();
    return stream;
  }

  #respond(message: JsonRpcResponse): Promise<void> | undefined {
    if (message.id === undefined || message.id === null) return undefined;
    const call = this.#calls.get(message.id);
    if (call === undefined || call.answered) return undefined;
    call.answered = true;
    const failed = 'error' in message;
    if (!failed) this.#setup.remember(call.request, message.result);
    // A session that did not come about has no id to tell.
    if (failed && call.request.method === 'initialize') call.exchange.headers = {};
    const { id } = message;
    const taken = call.exchange.respond(id, message);
    // A long answer that nobody takes is work in progress: it counts against the session until it is taken.
    if (taken === undefined) this.#calls.answered(id);
    else void taken.then(() => this.#calls.answered(id));
    if (failed && call.request.method === 'initialize') this.end('failed');
    return taken;
  }

  #serve(request: JsonRpcRequest, exchange: Exchange, context: MessageContext): void {
    if (isUse(request)) this.use.hold();
    this.#calls.add(request, exchange, this.#options.clock());
    this.#options.observer.callStarted();
    const refusal = this.#setup.refusal(request);
    if (refusal === undefined && this.#object.deliver(request, context)) return;
    // Answered at once it is over by now; otherwise the SDK dropped what it could not read.
    const message = refusal ?? 'Invalid request: it does not follow the MCP schema.';
    void this.#respond({ jsonrpc: '2.0', id: request.id, error: { code: ErrorCode.invalidRequest, message } });
  }

  #callOver(call: Call): void {
    this.#options.observer.callOver(call);
    if (isUse(call.request)) this.use.letGo();
  }

  #cancelled(params: Readonly<Record<string, unknown>> | undefined): void {
    const id = params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') this.#calls.drop(id);
  }
}

/** Rejects when a promise is not settled in time; what becomes of it then is its own affair. */
function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`The module took longer than ${milliseconds} ms to create its server.`));
    const timer = setTimeout(late, milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Milliseconds until a client that is sent away comes back: a time of its own, so that they do not all come at once. */
const awayFor = () => 500 + Math.random() * 2_500;
