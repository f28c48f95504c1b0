import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
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
import { errorIn, type HttpAnswer } from '../../sources/raw-server.ts';
import type { ServerProduct } from '../../sources/source.ts';
import { awayFor } from '../away.ts';
import { EventStream, type StreamRegistry } from '../event-stream.ts';
import type { Release } from '../gate.ts';
import { type Answering, type Call, Calls } from '../legacy/calls.ts';
import { ClientSetup, wants } from '../legacy/client-setup.ts';
import type { RawOutbound, Received } from '../legacy/connect-raw.ts';
import { serialize } from '../legacy/exchange.ts';
import { ServerObject } from '../legacy/server-object.ts';
import { type MessageContext, messageContext, type Outbound } from '../legacy/session-transport.ts';
import { Unbegun } from '../legacy/unbegun.ts';
import { type Change, notificationOf } from '../notifier.ts';
import { IntroducedObject, type NewRecord, newRecord } from './introduced-object.ts';

/** Where clients send the messages of their session. */
export const MESSAGES_PATH = '/messages';

/** Whoever keeps the sessions: told of every call, and of their end. */
export interface SseObserver {
  callStarted(): void;
  callOver(call: Call<Answering>): void;
  /** It is about to end: what it is still to be told, it must be told now. */
  ending(session: SseSession): void;
  ended(session: SseSession, reason: EndReason): void;
  failed(session: SseSession, error: unknown): void;
}

export interface SseSessionOptions {
  readonly id: string;
  /** Gives its slot back. */
  readonly release: Release;
  /** Sent with the head of the stream. */
  readonly headers?: OutgoingHttpHeaders;
  /** Unread bytes after which its reader is cut. */
  readonly maxStreamBuffer: number;
  readonly streams: StreamRegistry;
  readonly observer: SseObserver;
  readonly clock: () => number;
  /** The fleet's secret, as it is now. */
  readonly fleetKey: () => string;
  /** Milliseconds for its server object to be made. */
  readonly startLimit: number;
  /** Whether a server object may be made again for it. */
  readonly parkable: boolean;
  create(session: ServerSession): ServerProduct | Promise<ServerProduct>;
}

/** Every answer goes to the session's one stream: nothing waits for it. */
const ON_STREAM: Answering = { cancel() {} };

/**
 * One session of the HTTP+SSE transport (MCP 2024-11-05, transports): its stream, its calls, and from its first message
 * on its server object. It ends with its stream; its slot goes back when the stream has closed and every handler has
 * settled.
 */
export class SseSession implements Outbound, RawOutbound {
  readonly #options: SseSessionOptions;
  readonly #record: NewRecord;
  readonly #setup: ClientSetup;
  readonly #calls: Calls<Answering>;
  readonly #stream: EventStream;
  readonly #object: IntroducedObject;
  readonly #unbegun = new Unbegun();
  #pins = 0;
  #leaving = false;
  #ended: EndReason | undefined;
  #streamClosed = false;
  /** Whether the calls that nobody waits for any more are those whose handlers run. */
  #abandoned = false;

  constructor(res: ServerResponse, options: SseSessionOptions) {
    const { id, observer, startLimit, fleetKey, create } = options;
    this.#options = options;
    const record = newRecord(id);
    this.#record = record;
    this.#setup = new ClientSetup(record);
    this.#calls = new Calls((call) => this.#callOver(call));
    const failed = (error: unknown) => observer.failed(this, error);
    const make = () =>
      new ServerObject({ record, outbound: this, handlers: this.#calls, startLimit, fleetKey, create, failed });
    this.#object = new IntroducedObject({ record, make, failed, made: () => this.#giveBack() });
    this.#stream = new EventStream(res, {
      kind: 'sse',
      maxBuffer: options.maxStreamBuffer,
      registry: options.streams,
      ...(options.headers && { headers: options.headers }),
      onClose: () => {
        this.#streamClosed = true;
        this.end('abandoned');
        this.#giveBack();
      },
    });
    this.#stream.raw(`event: endpoint\ndata: ${MESSAGES_PATH}?sessionId=${id}\n\n`);
  }

  get id(): string {
    return this.#record.id;
  }

  get openedAt(): number {
    return this.#record.openedAt;
  }

  get requestsInFlight(): number {
    return this.#calls.size;
  }

  /** Characters of messages that wait for the server object to be made. */
  get backlog(): number {
    return this.#object.backlog;
  }

  isInFlight(id: RequestId): boolean {
    return this.#calls.get(id) !== undefined;
  }

  /** Messages of its client's on their way in. */
  get pins(): number {
    return this.#pins;
  }

  /** Keeps it from being sent away until the answered function is called: a message of its is on its way in. */
  pin(): () => void {
    this.#pins++;
    let pinned = true;
    return () => {
      if (!pinned) return;
      pinned = false;
      this.#pins--;
      this.#leaveIfQuiet();
    };
  }

  /** Takes a message of so many characters that the client has sent; answers go to the stream. */
  receive(message: JsonRpcMessage, size: number, req: IncomingMessage): void {
    const context = messageContext(req, { closeStandaloneSSEStream() {} });
    if (isRequest(message)) this.#serve(message, context);
    else this.#take(message, context);
    this.#object.addBacklog(size);
  }

  /** Has the client open another stream, wherever it is routed then: at once, or when its last call ends. */
  sendAway(): void {
    this.#leaving = true;
    this.#leaveIfQuiet();
  }

  wants({ method, uri }: Change): boolean {
    // What a client that came back had been told before is not known any more: lists are announced to it in any case.
    const listens = this.#object.returned && uri === undefined && this.#record.protocolVersion === '';
    return listens || wants(this.#record, method, uri);
  }

  /** Tells the client of a change, if it wants to know. */
  notify(change: Change): void {
    if (!this.wants(change)) return;
    void this.send(notificationOf(change));
  }

  send(message: JsonRpcMessage): Promise<void> | undefined {
    if (isResponse(message)) return this.#respond(message);
    return this.#ended === undefined ? this.#stream.message(JSON.stringify(message)) : undefined;
  }

  closedByServer(): void {
    this.end('closed');
  }

  /** The client's POST has been answered already: HTTP has no words left. */
  answer(id: RequestId, answer: HttpAnswer): void {
    void this.#respond({ jsonrpc: '2.0', id, error: errorIn(answer) });
  }

  lost(why: string, notBegun: readonly Received[]): void {
    if (this.#ended !== undefined) return;
    const left = this.#unbegun.take(notBegun);
    const goesOn = this.#options.parkable && ![...this.#calls].some(({ request }) => request.method === 'initialize');
    for (const { request, answered } of this.#calls) {
      if (!answered && !(goesOn && left.includes(request.id))) this.#fail(request.id, ErrorCode.server, why);
    }
    if (!goesOn) return this.end('failed');
    this.#object.rest();
    for (const { message, context } of left.again) {
      if (isRequest(message)) this.#object.use(message, context, (object) => this.#deliver(message, object, context));
      else this.#take(message, context);
    }
  }

  /** Ends it for good, once: its calls, its stream, its server object. */
  end(reason: EndReason): void {
    if (this.#ended !== undefined) return;
    this.#options.observer.ending(this);
    const message = reason === 'drained' ? 'The server is shutting down.' : `Session ended: ${reason}`;
    for (const { request, answered, dropped } of this.#calls) {
      if (!answered && !dropped)
        this.#tell({ jsonrpc: '2.0', id: request.id, error: { code: ErrorCode.unavailable, message } });
    }
    this.#ended = reason;
    this.#options.observer.ended(this, reason);
    this.#object.end(reason);
    if (reason === 'drained') this.#stream.retry(awayFor());
    this.#stream.end();
    this.#abandoned = true;
    this.#calls.dropAll();
    this.#giveBack();
  }

  #serve(request: JsonRpcRequest, context: MessageContext): void {
    this.#calls.add(request, ON_STREAM, this.#options.clock());
    this.#options.observer.callStarted();
    const refusal = this.#setup.refusal(request);
    if (refusal !== undefined) return this.#fail(request.id, ErrorCode.invalidRequest, refusal);
    // Says that the client lives: no reason to make anything.
    if (request.method === 'ping' && !this.#object.begun) {
      return void this.#respond({ jsonrpc: '2.0', id: request.id, result: {} });
    }
    this.#object.use(request, context, (object) => this.#deliver(request, object, context));
  }

  /** Hands a notification or an answer to the server object. */
  #take(message: JsonRpcMessage, context: MessageContext): void {
    this.#object.use(message, context, (object) => object?.deliver(message, context));
    if (isNotification(message) && message.method === 'notifications/cancelled') this.#cancelled(message.params);
  }

  #deliver(request: JsonRpcRequest, object: ServerObject | undefined, context: MessageContext): void {
    // Over while the server object was being made: the handler must not even start.
    const call = this.#calls.get(request.id);
    if (this.#ended !== undefined || call?.request !== request || call.dropped) return;
    if (object === undefined) {
      this.#fail(request.id, ErrorCode.internal, 'The server could not be started for this session.');
    } else {
      // Answered at once it is over by now.
      const refusal = object.serve(request, context);
      if (refusal !== undefined) this.#fail(request.id, refusal.code, refusal.message);
    }
  }

  #fail(id: RequestId, code: number, message: string): void {
    void this.#respond({ jsonrpc: '2.0', id, error: { code, message } });
  }

  #respond(message: JsonRpcResponse): Promise<void> | undefined {
    const { id } = message;
    const call = id === undefined || id === null ? undefined : this.#calls.get(id);
    if (call === undefined || call.answered) return undefined;
    const { request } = call;
    if (!('error' in message)) this.#setup.remember(request, message.result);
    call.answered = true;
    const taken = call.dropped ? undefined : this.#tell(message);
    // A long answer that nobody takes is work in progress: it counts against the session until it is taken.
    if (taken === undefined) this.#calls.answered(request.id);
    else void taken.then(() => this.#calls.answered(request.id));
    return taken;
  }

  #tell(message: JsonRpcResponse): Promise<void> | undefined {
    if (this.#ended !== undefined) return undefined;
    return this.#stream.queue(serialize(message.id as RequestId, message));
  }

  #cancelled(params: Readonly<Record<string, unknown>> | undefined): void {
    const id = params?.['requestId'];
    if (typeof id === 'string' || typeof id === 'number') this.#calls.drop(id);
  }

  #callOver(call: Call<Answering>): void {
    this.#options.observer.callOver(call);
    this.#leaveIfQuiet();
    this.#giveBack();
  }

  #leaveIfQuiet(): void {
    if (this.#leaving && this.#calls.size === 0 && this.#pins === 0) this.end('drained');
  }

  /** Gives the slot back when nothing is left of the session that costs anything. */
  #giveBack(): void {
    const busy = this.#calls.size > 0 || this.#object.making;
    if (this.#abandoned && this.#streamClosed && !busy) this.#options.release();
  }
}
