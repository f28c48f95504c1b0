import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
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
import type { Introduction } from '../bridge/raw-session.ts';
import type { ClientContext, ClientMessage, RawClient, RawServer } from '../raw-server.ts';
import { AnswerReader } from './answer-reader.ts';
import { type Call, createCall } from './call.ts';
import { checkIntroduction } from './check-introduction.ts';
import { MessageTooLong } from './event-reader.ts';
import { badGateway, errorAnswer, failureOf, forgetsSession, MAX_FAILURE_BODY } from './failures.ts';
import { describe, kindOf, readBeginning } from './read-answer.ts';
import { keepStandaloneStream } from './standalone-stream.ts';
import type { UpstreamDoor } from './upstream-door.ts';
import { UpstreamError } from './upstream-error.ts';
import { UpstreamLink } from './upstream-link.ts';

export interface UpstreamSessionOptions {
  readonly door: UpstreamDoor;
  /** Bytes that a message of the upstream may have. */
  readonly maxMessage: number;
  readonly log: Pick<Logger, 'debug'>;
  /** Milliseconds that a resumed stream may be without an event. */
  readonly resumedSilence?: number;
  /** Told who the upstream says it is in its answer to `initialize`. */
  introduced?(serverInfo: Introduction['serverInfo']): void;
}

/** A notification that is not accepted in this time holds nothing up any more. */
const TELL_LIMIT_MS = 5_000;
/** A server should end the stream with the response; one that does not would keep a connection for nothing. */
const END_GRACE_MS = 1_000;
/** Time for a cancelled call to end by itself. */
const CANCEL_GRACE_MS = 2_000;
/** Once the upstream has forgotten the session, time for requests on their way to be told so as well. */
const FORGOTTEN_GRACE_MS = 1_000;

/** The server of one session: a session of the upstream, to which berth is the client (MCP 2025-11-25, Streamable HTTP). */
export class UpstreamSession implements RawServer {
  readonly #options: UpstreamSessionOptions;
  readonly #link: UpstreamLink;
  readonly #calls = new Map<RequestId, Call>();
  readonly #closed = new AbortController();
  #client: RawClient | undefined;
  /** Ends when the notifications before it were accepted: what follows one must not overtake it. */
  #told: Promise<void> | undefined;
  #listens = false;
  #closing: Promise<void> | undefined;
  /** Requests that an upstream which forgot the session did not begin. */
  #notBegun: ClientMessage[] | undefined;

  constructor(options: UpstreamSessionOptions) {
    this.#options = options;
    this.#link = new UpstreamLink(options.door);
  }

  async connect(client: RawClient): Promise<void> {
    this.#client = client;
  }

  receive(message: JsonRpcMessage, context: ClientContext): void {
    this.#link.heard(context);
    if (isRequest(message)) void this.#ask(message, context);
    else if (isResponse(message)) void this.#tell(message, context);
    else if (message.method === 'notifications/cancelled') void this.#cancel(message, context);
    else {
      const told = this.#tell(message, context).then(() => {
        if (this.#told === told) this.#told = undefined;
        // Even if it was refused: an upstream that can not do without it says so of the stream too.
        if (message.method === 'notifications/initialized') this.#listen();
      });
      this.#told = told;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#client = undefined;
    this.#closed.abort();
    for (const call of this.#calls.values()) {
      const { message, sent, cut, decided } = call;
      // Only its answer says which session is to be ended there; nobody here waits for that.
      const opens = message.method === 'initialize' && sent && this.#link.sessionId === undefined;
      if (opens) this.#options.door.expectGoodbye(decided.promise, () => cut.abort());
      else cut.abort();
    }
    if (this.#notBegun === undefined) await this.#link.leave();
  }

  async #ask(message: JsonRpcRequest, context: ClientContext): Promise<void> {
    const { id } = message;
    const call = createCall(message, context);
    this.#calls.set(id, call);
    try {
      if (this.#told !== undefined) await this.#told;
      // Held back while the others are asked, it goes wherever they go.
      if (this.#notBegun !== undefined) return void this.#notBegun.push(call);
      call.cut.signal.throwIfAborted();
      const sent = () => {
        call.sent = true;
      };
      await this.#take(call, await this.#link.post(message, context, { signal: call.cut.signal, sent }));
    } catch (error) {
      if (!call.cut.signal.aborted && !call.answered) this.#fail(call, error);
    } finally {
      call.decided.resolve();
      clearTimeout(call.ending);
      if (this.#calls.get(id) === call) this.#calls.delete(id);
    }
  }

  async #take(call: Call, answer: IncomingMessage): Promise<void> {
    const { id, method } = call.message;
    const status = answer.statusCode ?? 0;
    if (status < 200 || status > 299) return await this.#refused(call, answer);
    call.decided.resolve();
    if (method === 'initialize') {
      this.#link.sessionId = sessionIdIn(answer);
      if (this.#closing !== undefined) {
        call.cut.abort();
        return await this.#link.leave();
      }
    }
    const reader = new AnswerReader({
      ...this.#options,
      link: this.#link,
      signal: call.cut.signal,
      answered: () => call.answered,
      deliver: (message) => this.#deliver(message, id),
      unreadable: () => this.#unreadable(),
      forgotten: () => this.#forgotten(),
    });
    await reader.read(answer, kindOf(answer));
    if (call.cut.signal.aborted) return;
    if (call.answered || this.#notBegun !== undefined) return;
    const silent = `The upstream at ${this.#link.url} ended its answer without a response to this request`;
    this.#answer(call, errorAnswer(id, `${silent} (${describe(answer)}).`));
  }

  /** The request was not accepted. */
  async #refused(call: Call, answer: IncomingMessage): Promise<void> {
    const { id } = call.message;
    const body = await readBeginning(answer, MAX_FAILURE_BODY);
    if (this.#link.sessionId !== undefined && forgetsSession(answer, body, id)) return this.#forgotten(call);
    const failure = failureOf(id, answer, body);
    if ('jsonrpc' in failure) return this.#answer(call, failure);
    this.#client?.answer(id, failure);
    call.answered = true;
  }

  #fail(call: Call, error: unknown): void {
    const { id } = call.message;
    const why = error instanceof Error ? error.message : String(error);
    if (error instanceof MessageTooLong) return this.#answer(call, errorAnswer(id, why));
    if (!(error instanceof UpstreamError)) return this.#answer(call, errorAnswer(id, why, ErrorCode.internal));
    if (error.kind === 'broken')
      return this.#answer(call, errorAnswer(id, `${why}. The call may have been carried out.`));
    call.answered = true;
    this.#client?.answer(id, badGateway(id, why));
  }

  #answer(call: Call, message: JsonRpcResponse): void {
    call.answered = true;
    void this.#client?.send(message);
  }

  /** Hands a message of the upstream on; `relatedTo` is the request on whose stream it came. */
  #deliver(message: JsonRpcMessage, relatedTo?: RequestId): Promise<void> | undefined {
    if (isResponse(message)) return this.#respond(message, relatedTo);
    try {
      return this.#client?.send(message, relatedTo);
    } catch (error) {
      // There is nobody to ask any more; the upstream must not wait for an answer.
      if (isRequest(message)) void this.#tell(errorAnswer(message.id, String(error), ErrorCode.internal), NO_CONTEXT);
      return undefined;
    }
  }

  #respond(message: JsonRpcResponse, relatedTo: RequestId | undefined): Promise<void> | undefined {
    // An error that names no request is about the one it answers.
    const id = message.id ?? relatedTo;
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (id === undefined || call === undefined || call.answered) return undefined;
    const answer = this.#introduced(call, { ...message, id });
    call.answered = true;
    // It may have come on another stream than its own.
    call.ending = setTimeout(() => call.cut.abort(), END_GRACE_MS).unref();
    return this.#client?.send(answer);
  }

  /** An answer to `initialize` is read here too; one that berth can not go on with becomes an error. */
  #introduced({ message: { id, method } }: Call, answer: JsonRpcResponse): JsonRpcResponse {
    if (method !== 'initialize' || !('result' in answer)) return answer;
    const introduction = checkIntroduction(answer.result);
    if (typeof introduction === 'string') return errorAnswer(id, `The upstream at ${this.#link.url} ${introduction}`);
    this.#link.protocolVersion = introduction.protocolVersion;
    this.#options.introduced?.(introduction.serverInfo);
    return answer;
  }

  /** Sends what has no answer. */
  async #tell(message: JsonRpcMessage, context: ClientContext): Promise<void> {
    if (this.#told !== undefined) await this.#told;
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(TELL_LIMIT_MS)]);
    try {
      const answer = await this.#link.post(message, context, { signal });
      const accepted = answer.statusCode !== undefined && answer.statusCode < 300;
      const body = await readBeginning(answer, MAX_FAILURE_BODY);
      if (accepted) return;
      if (this.#link.sessionId !== undefined && forgetsSession(answer, body)) this.#forgotten();
      this.#options.log.debug({ message: nameOf(message), status: answer.statusCode }, 'Upstream refused message');
    } catch (error) {
      if (!this.#closed.signal.aborted)
        this.#options.log.debug({ err: error, message: nameOf(message) }, 'Message was lost');
    }
  }

  async #cancel(message: JsonRpcMessage, context: ClientContext): Promise<void> {
    const id = isNotification(message) ? message.params?.['requestId'] : undefined;
    const call = this.#calls.get(id as RequestId);
    if (call?.sent === false) return call.cut.abort();
    await this.#tell(message, context);
    if (call === undefined) return;
    // Not at once: what the upstream still writes to it would be an error there.
    await sleep(CANCEL_GRACE_MS, undefined, { signal: this.#closed.signal }).catch(() => {});
    call.cut.abort();
  }

  #listen(): void {
    if (this.#listens || this.#notBegun !== undefined) return;
    this.#listens = true;
    void keepStandaloneStream({
      ...this.#options,
      link: this.#link,
      deliver: (message) => this.#deliver(message),
      unreadable: () => this.#unreadable(),
      forgotten: () => this.#forgotten(),
      signal: this.#closed.signal,
    });
  }

  /** The upstream knows nothing of the session any more; `call` is one that it has not begun for that reason. */
  #forgotten(call?: Call): void {
    const first = this.#notBegun === undefined;
    this.#notBegun ??= [];
    if (call !== undefined) this.#notBegun.push(call);
    if (first) void this.#giveUp(this.#notBegun);
  }

  async #giveUp(notBegun: readonly ClientMessage[]): Promise<void> {
    const others = [...this.#calls.values()].map(({ decided }) => decided.promise);
    const grace = sleep(FORGOTTEN_GRACE_MS, undefined, { signal: this.#closed.signal, ref: false }).catch(() => {});
    await Promise.race([Promise.all(others), grace]);
    const why = `The upstream at ${this.#link.url} does not know the session any more; it may have been restarted.`;
    this.#client?.lost(`${why} The call may have been carried out.`, notBegun);
  }

  #unreadable(): void {
    this.#options.log.debug({ upstream: this.#link.url }, 'Upstream sent an event that is no JSON-RPC message');
  }
}

const NO_CONTEXT: ClientContext = { headers: {} };

function sessionIdIn({ headers }: IncomingMessage): string | undefined {
  const id = headers['mcp-session-id'];
  return typeof id === 'string' && id !== '' ? id : undefined;
}

function nameOf(message: JsonRpcMessage): string {
  return 'method' in message ? message.method : 'response';
}
