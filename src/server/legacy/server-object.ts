import type { SessionRecord } from '../../fleet/session-snapshot.ts';
import {
  ErrorCode,
  isResponse,
  type JsonRpcError,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import type { EndReason, ServerSession } from '../../sources/define-server.ts';
import type { HttpAnswer } from '../../sources/raw-server.ts';
import type { ServerProduct } from '../../sources/source.ts';
import { within } from '../../sources/within.ts';
import { dispatch } from '../dispatch.ts';
import { type HandlerObserver, watchHandlers } from '../watch-handlers.ts';
import { connectRaw, type RawOutbound, type Received } from './connect-raw.ts';
import { isPlainRequest } from './plain-request.ts';
import { Questions } from './questions.ts';
import { Replay } from './replay-client.ts';
import { type MessageContext, type Outbound, SessionTransport } from './session-transport.ts';

export type OnEnd = (reason: EndReason) => void;

export interface ServerObjectOptions {
  readonly record: SessionRecord;
  readonly outbound: Outbound & RawOutbound;
  readonly handlers: HandlerObserver;
  /** Milliseconds for it to be made, and again for it to be told what it has to know. */
  readonly startLimit: number;
  /** The fleet's secret, as it is now. */
  fleetKey(): string;
  create(session: ServerSession): ServerProduct | Promise<ServerProduct>;
  failed(error: unknown): void;
}

/** The server object of one session: made, spoken to, and closed; whatever the source does about it. */
export class ServerObject {
  readonly #options: ServerObjectOptions;
  readonly #transport: SessionTransport;
  readonly #onEnd: OnEnd[] = [];
  #server: ServerProduct | undefined;
  /** Tells that nothing of a raw one runs any more. */
  #gone: () => void = () => {};
  #replay: Replay | undefined;
  /** Of one that has others before it in its session, which have used the ids that it will use. */
  #questions: Questions | undefined;
  #over = false;
  #ended: EndReason | undefined;
  #lookedUp = false;

  constructor(options: ServerObjectOptions) {
    this.#options = options;
    this.#transport = new SessionTransport(options.record.id, {
      send: (message, relatedTo) => this.#send(this.#renamed(message), relatedTo),
      closedByServer: () => !this.#over && options.outbound.closedByServer(),
    });
  }

  /** Makes and connects it; rejects with what the module threw, or when it takes too long. */
  async open(): Promise<void> {
    await this.#inTime(this.#open());
  }

  /**
   * Makes it again for a session that had one before: tells it what its client once told, with the context of the message
   * that it is made for, and keeps the answers.
   */
  async reopen(context?: MessageContext): Promise<void> {
    this.#questions = new Questions();
    await this.open();
    if (this.#over) return;
    this.#replay = new Replay((message, itsContext) => this.deliver(message, itsContext), context);
    try {
      await this.#inTime(this.#replay.run(this.#options.record));
    } finally {
      this.#replay = undefined;
    }
  }

  /** Hands it a message; answers whether it looked for a handler. */
  deliver(message: JsonRpcMessage, context: MessageContext): boolean {
    return this.#hand(message, context) && this.#lookedUp;
  }

  /** Hands it a request; answers with the error for one that nobody else will answer. */
  serve(request: JsonRpcRequest, context: MessageContext): JsonRpcError['error'] | undefined {
    if (!this.#hand(request, context)) return { code: ErrorCode.internal, message: 'Internal error' };
    // What its SDK can not read, it drops without a word.
    if (this.#lookedUp) return undefined;
    return { code: ErrorCode.invalidRequest, message: 'Invalid request: it does not follow the MCP schema.' };
  }

  /** Closes it while its session goes on; answers whom to tell of the session's end. */
  rest(): readonly OnEnd[] {
    this.#close();
    return this.#onEnd;
  }

  /** Closes it, and tells whoever asked to be told of the end. */
  end(reason: EndReason): void {
    this.#ended = reason;
    this.#close();
    for (const callback of this.#onEnd) this.#attempt(() => callback(reason));
  }

  #inTime(started: Promise<void>): Promise<void> {
    const { startLimit } = this.#options;
    return within(startLimit, started, `The server took longer than ${startLimit} ms to start.`);
  }

  async #open(): Promise<void> {
    const { record, handlers } = this.#options;
    const server = await this.#options.create({
      era: 'legacy',
      // What is not a session has no id.
      id: record.id === '' ? undefined : record.id,
      state: record.state,
      fleetKey: this.#options.fleetKey(),
      onEnd: (callback) => {
        if (this.#ended === undefined) this.#onEnd.push(callback);
        else this.#attempt(() => callback(this.#ended as EndReason));
      },
    });
    // A raw one holds something from the start.
    if (this.#over && 'receive' in server) await server.close();
    if (this.#over) return;
    const observer: HandlerObserver = {
      lookedUp: () => {
        this.#lookedUp = true;
      },
      started: (id) => handlers.started(id),
      settled: (id) => handlers.settled(id),
    };
    // Both SDKs' `connect` take this transport; their types differ in parts that it does not have. One that serves
    // another session refuses, and is not ours to close.
    if ('receive' in server) {
      this.#server = server;
      this.#gone = await connectRaw(server, this.#transport, observer, {
        send: (message, relatedTo) => this.#send(message, relatedTo),
        answer: (id, answer) => this.#answer(id, answer),
        lost: (why, notBegun) => this.#lost(why, notBegun),
      });
    } else {
      await server.connect(this.#transport as never);
      this.#server = server;
      watchHandlers(server, observer);
    }
    if (this.#over) this.#attempt(() => server.close());
  }

  /** Answers false when the module's code threw on the way. */
  #hand(message: JsonRpcMessage, context: MessageContext): boolean {
    this.#lookedUp = false;
    try {
      const [server, transport] = [this.#server, this.#transport];
      if (this.#questions !== undefined && isResponse(message) && server !== undefined && !('receive' in server)) {
        const answer = this.#questions.incoming(message);
        if (answer !== undefined) transport.onmessage?.(answer, context);
        return true;
      }
      const direct = server !== undefined && !('receive' in server) && isPlainRequest(message);
      if (!direct || !dispatch(server, transport, message, context)) transport.onmessage?.(message, context);
      return true;
    } catch (error) {
      this.#options.failed(error);
      return false;
    }
  }

  #send(message: JsonRpcMessage, relatedTo: RequestId | undefined): Promise<void> | undefined {
    if (this.#replay?.takes(message) === true) return undefined;
    // What a closed object still says belongs to nobody.
    if (this.#over) return undefined;
    // What comes while it is introduced again belongs to no call of the client's.
    return this.#options.outbound.send(message, this.#replay === undefined ? relatedTo : undefined);
  }

  #renamed(message: JsonRpcMessage): JsonRpcMessage {
    return this.#questions === undefined || isResponse(message) ? message : this.#questions.outgoing(message);
  }

  #answer(id: RequestId, answer: HttpAnswer): void {
    if (this.#replay?.refused(id, answer) === true || this.#over) return;
    this.#options.outbound.answer(id, answer);
  }

  #lost(why: string, notBegun: readonly Received[]): void {
    if (this.#over) return;
    if (this.#replay !== undefined) this.#replay.abort(new Error(why));
    else this.#options.outbound.lost(why, notBegun);
  }

  #close(): void {
    this.#over = true;
    this.#attempt(async () => {
      try {
        await this.#server?.close();
      } finally {
        this.#gone();
      }
    });
  }

  /** The module's code may throw, reject, or return nothing where a promise was expected. */
  #attempt(action: () => unknown): void {
    Promise.resolve()
      .then(action)
      .catch((error: unknown) => this.#options.failed(error));
  }
}
