import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { LogSnapshot, SessionRecord, SessionSnapshot } from '../../fleet/session-snapshot.ts';
import {
  ErrorCode,
  isNotification,
  isRequest,
  isResponse,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import type { EndReason, ServerSession } from '../../sources/define-server.ts';
import { answerFor, type HttpAnswer } from '../../sources/raw-server.ts';
import type { ServerProduct } from '../../sources/source.ts';
import { answerError } from '../answers.ts';
import { awayFor } from '../away.ts';
import { EventStream, type StreamRegistry } from '../event-stream.ts';
import { type Change, notificationOf } from '../notifier.ts';
import { type Call, Calls } from './calls.ts';
import { ClientSetup, wants } from './client-setup.ts';
import type { RawOutbound, Received } from './connect-raw.ts';
import { EventLog } from './event-log.ts';
import { Exchange, type ExchangeHost } from './exchange.ts';
import { OpenQuestions } from './open-questions.ts';
import { RefusedByHttp } from './replay-client.ts';
import { type OnEnd, ServerObject } from './server-object.ts';
import { SessionObject } from './session-object.ts';
import { SessionStreams } from './session-streams.ts';
import { type MessageContext, messageContext, type Outbound } from './session-transport.ts';
import { type Activity, isUse, SessionUse } from './session-use.ts';
import { Unbegun } from './unbegun.ts';

/** Whoever keeps the sessions: told of what they do, of every call, and of their end. */
export interface SessionObserver {
  changed(session: Session, activity: Activity): void;
  callStarted(): void;
  callOver(session: Session, call: Call): void;
  ended(session: Session, reason: EndReason): void;
  failed(session: Session, error: unknown): void;
}

export interface SessionOptions {
  readonly record: SessionRecord;
  /** What a session that was parked or came from elsewhere has logged. */
  readonly log?: EventLog | LogSnapshot | undefined;
  /** Whom a session that was parked here has to tell of its end. */
  readonly onEnd?: readonly OnEnd[] | undefined;
  readonly maxEventLog: number;
  readonly maxStreamBuffer: number;
  readonly streams: StreamRegistry;
  readonly observer: SessionObserver;
  readonly clock: () => number;
  /** The fleet's secret, as it is now. */
  readonly fleetKey: () => string;
  /** Whether a server object may be made again for it. */
  readonly parkable: boolean;
  /** Milliseconds for which a question of the server's that nobody answers keeps the session from being idle. */
  readonly askLimit: number;
  /** Milliseconds for its server object to be made. */
  readonly startLimit: number;
  /** Whether its client can come back for what it missed; so unless it says otherwise. */
  readonly resumable?: boolean;
  create(session: ServerSession): ServerProduct | Promise<ServerProduct>;
}

/** One legacy-era session that holds a slot: its record, its event log, and unless it dozes its server object. */
export class Session implements ExchangeHost, Outbound, RawOutbound {
  readonly record: SessionRecord;
  readonly log: EventLog;
  readonly use: SessionUse;
  readonly #options: SessionOptions;
  readonly #calls: Calls;
  readonly #setup: ClientSetup;
  readonly #streams: SessionStreams;
  readonly #exchanges = new Set<Exchange>();
  readonly #questions: OpenQuestions;
  /** Characters of messages that wait for the server object to be made again. */
  #backlog = 0;
  readonly #unbegun = new Unbegun();
  readonly #object: SessionObject;
  #ended: EndReason | undefined;

  constructor(options: SessionOptions) {
    const { record, log, maxEventLog, observer } = options;
    this.#options = options;
    this.record = record;
    this.log = log instanceof EventLog ? log : new EventLog(maxEventLog, log);
    this.use = new SessionUse((activity) => !this.ended && observer.changed(this, activity));
    this.#questions = new OpenQuestions(this.use, options.askLimit);
    this.#setup = new ClientSetup(record);
    this.#calls = new Calls((call) => this.#callOver(call));
    const failed = (error: unknown) => observer.failed(this, error);
    const { fleetKey, create, onEnd = [], startLimit } = options;
    const make = () =>
      new ServerObject({ record, outbound: this, handlers: this.#calls, startLimit, fleetKey, create, failed });
    this.#object = new SessionObject({ make, onEnd, failed });
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
    return this.resumable && this.record.protocolVersion >= '2025-11-25';
  }

  get resumable(): boolean {
    return this.#options.resumable ?? true;
  }

  /** Whether its standalone stream is open. */
  get listening(): boolean {
    return this.#streams.listening;
  }

  /** Whether it has no server object, nor is one being made. */
  get dozing(): boolean {
    return this.#object.current === undefined && !this.#object.making;
  }

  /** Whether its server object may go: nothing is in flight, either way. */
  get restable(): boolean {
    return this.record.protocolVersion !== '' && !this.settling && this.use.activity !== 'busy';
  }

  /** Whether something of its client's is on its way in, or its server object on its way back: it is restable soon. */
  get settling(): boolean {
    return this.#object.making || this.use.pinned || this.#calls.size + this.#exchanges.size > 0;
  }

  /** Resolves when no server object is being made again. */
  get made(): Promise<unknown> {
    return this.#object.made;
  }

  get backlog(): number {
    return this.#backlog;
  }

  /** Counts a message of so many characters that was received just now, as long as it waits. */
  addBacklog(size: number): void {
    if (!this.#object.making) return;
    this.#backlog += size;
    void this.#object.made.finally(() => {
      this.#backlog -= size;
    });
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
      await this.#object.open();
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
            headers: this.record.protocolVersion === '' && this.resumable ? { 'mcp-session-id': this.record.id } : {},
          });
    if (exchange !== undefined) this.#exchanges.add(exchange);
    const used = messages.some(isUse);
    const context = messageContext(req, {
      ...(exchange !== undefined && this.primes && { closeSSEStream: () => exchange.closeStream() }),
      closeStandaloneSSEStream: () => this.#streams.sendAway(),
    });
    if (used) this.use.hold('call');
    for (const message of messages) {
      if (this.ended) break;
      if (isRequest(message) && exchange !== undefined) this.#serve(message, exchange, context);
      else this.#take(message, context);
    }
    // After all of them: the SDKs cancel once the whole batch is in, whatever its order.
    for (const message of messages) {
      if (isNotification(message) && message.method === 'notifications/cancelled') this.#cancelled(message.params);
    }
    if (used) this.use.letGo('call');
  }

  /** Serves a GET; answers false when the stream that it asks for is over and was read to its end. */
  listen(res: ServerResponse, lastEventId: string | undefined): boolean {
    return this.#streams.listen(res, lastEventId);
  }

  /** Closes the standalone stream; the client comes back soon, wherever it is routed then. */
  sendAway(): void {
    this.#streams.sendAway(awayFor());
  }

  wants({ method, uri }: Change): boolean {
    return wants(this.record, method, uri);
  }

  /** Tells the client of a change, if it wants to know. */
  notify(change: Change): void {
    if (!this.wants(change)) return;
    void this.send(notificationOf(change), undefined);
  }

  send(message: JsonRpcMessage, relatedTo: RequestId | undefined): Promise<void> | undefined {
    if (isResponse(message)) return this.#respond(message);
    if (relatedTo === undefined) {
      const data = JSON.stringify(message);
      this.#questions.sent(message);
      return this.#streams.send(data);
    }
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

  answer(id: RequestId, answer: HttpAnswer): void {
    const call = this.#calls.get(id);
    if (call === undefined || call.answered) return;
    const opening = call.request.method === 'initialize';
    if (opening) call.exchange.headers = {};
    call.exchange.answer(id, answer);
    this.#calls.answered(id);
    if (opening) this.end('failed');
  }

  lost(why: string, notBegun: readonly Received[]): void {
    if (this.ended) return;
    const left = this.#unbegun.take(notBegun);
    const goesOn = this.#options.parkable && this.record.protocolVersion !== '';
    for (const { request, answered } of this.#calls) {
      if (!answered && !left.includes(request.id)) this.#fail(request, ErrorCode.server, why);
    }
    if (!goesOn) return this.end('failed');
    this.giveUpAsking();
    this.rest();
    for (const { message, context } of left.again) {
      if (isRequest(message)) void this.#object.wake(context).then((woken) => this.#deliver(message, woken, context));
      else this.#take(message, context);
    }
  }

  /** Lets go of the server object; a request makes another one. Only while `restable`. */
  rest(): void {
    if (!this.#object.rest()) return;
    // What the next one finds is the same, whether it is made here or on another pod.
    this.record.state = JSON.parse(JSON.stringify(this.record.state)) as SessionRecord['state'];
  }

  /** Waits no longer for answers of the client: the session matters more than what its server object wanted to know. */
  giveUpAsking(): void {
    this.#questions.giveUp();
  }

  /** Leaves this pod's hands without an end: whoever goes on with it finds everything in record and log. */
  leave(): readonly OnEnd[] {
    this.rest();
    this.#ended = 'closed';
    this.#object.letGo();
    this.#streams.sendAway(awayFor());
    return this.#object.onEnd;
  }

  /** All that another pod needs to go on with it. */
  snapshot(): SessionSnapshot {
    return { record: this.record, log: this.log.snapshot() };
  }

  /** Lets go of everything, calls in flight too: the session goes on elsewhere, and nothing may be answered by both. */
  supersede(): void {
    this.#ended = 'closed';
    const error = { code: ErrorCode.unavailable, message: 'The session goes on elsewhere. Try again.' };
    for (const exchange of [...this.#exchanges]) exchange.abort(503, error);
    this.#calls.dropAll();
    this.giveUpAsking();
    this.#object.letGo();
    this.#streams.sendAway(awayFor());
  }

  /** Ends the session for good, once: streams, server object, and its calls, of which those that run count until they settle. */
  end(reason: EndReason): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#options.observer.ended(this, reason);
    const error = { code: ErrorCode.sessionNotFound, message: `Session ended: ${reason}` };
    for (const exchange of [...this.#exchanges]) exchange.abort(reason === 'drained' ? 503 : 404, error);
    this.#calls.dropAll();
    this.giveUpAsking();
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
        this.use.letGo('stream');
      },
    });
    this.use.hold('stream');
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

  /** Hands a notification or an answer to the server object. */
  #take(message: JsonRpcMessage, context: MessageContext): void {
    if (isResponse(message) && message.id !== undefined && message.id !== null) this.#questions.answered(message.id);
    const object = this.#object.current;
    if (object !== undefined) object.deliver(message, context);
    else void this.#object.wake(context).then((woken) => woken?.deliver(message, context));
  }

  #serve(request: JsonRpcRequest, exchange: Exchange, context: MessageContext): void {
    if (isUse(request)) this.use.hold('call');
    this.#calls.add(request, exchange, this.#options.clock());
    this.#options.observer.callStarted();
    const refusal = this.#setup.refusal(request);
    const object = this.#object.current;
    if (refusal !== undefined) this.#fail(request, ErrorCode.invalidRequest, refusal);
    else if (object !== undefined) this.#deliver(request, object, context);
    else if (request.method === 'ping') void this.#respond({ jsonrpc: '2.0', id: request.id, result: {} });
    else void this.#object.wake(context).then((woken) => this.#deliver(request, woken, context));
  }

  #deliver(request: JsonRpcRequest, object: ServerObject | undefined, context: MessageContext): void {
    // Cancelled while the server object was being made: the handler must not even start.
    const call = this.#calls.get(request.id);
    if (call?.request !== request || call.dropped) return;
    const { failure } = this.#object;
    if (object === undefined && failure instanceof RefusedByHttp) {
      this.answer(request.id, answerFor(request.id, failure.answer));
    } else if (object === undefined) {
      this.#fail(request, ErrorCode.internal, 'The server could not be started again for this session.');
    } else {
      // Answered at once it is over by now.
      const refusal = object.serve(request, context);
      if (refusal !== undefined) this.#fail(request, refusal.code, refusal.message);
    }
  }

  #fail({ id }: JsonRpcRequest, code: number, message: string): void {
    void this.#respond({ jsonrpc: '2.0', id, error: { code, message } });
  }

  #callOver(call: Call): void {
    this.#options.observer.callOver(this, call);
    if (isUse(call.request)) this.use.letGo('call');
  }

  #cancelled(params: Readonly<Record<string, unknown>> | undefined): void {
    const id = params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') this.#calls.drop(id);
  }
}
