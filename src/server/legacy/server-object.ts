import type { SessionRecord } from '../../fleet/session-snapshot.ts';
import type { AnyMcpServer, EndReason, ServerSession } from '../../sources/define-server.ts';
import type { JsonRpcMessage, RequestId } from '../json-rpc.ts';
import { type HandlerObserver, watchHandlers } from '../watch-handlers.ts';
import { Replay } from './replay-client.ts';
import { type MessageContext, type Outbound, SessionTransport } from './session-transport.ts';

/** Clients wait for 60 s; a slot must not be lost to a module that never comes back. */
const CREATE_LIMIT_MS = 30_000;

export type OnEnd = (reason: EndReason) => void;

export interface ServerObjectOptions {
  readonly record: SessionRecord;
  readonly outbound: Outbound;
  readonly handlers: HandlerObserver;
  /** The fleet's secret, as it is now. */
  fleetKey(): string;
  create(session: ServerSession): AnyMcpServer | Promise<AnyMcpServer>;
  failed(error: unknown): void;
}

/** The module's server object of one session: made, spoken to, and closed; whatever the module does about it. */
export class ServerObject {
  readonly #options: ServerObjectOptions;
  readonly #transport: SessionTransport;
  readonly #onEnd: OnEnd[] = [];
  #server: AnyMcpServer | undefined;
  #replay: Replay | undefined;
  #over = false;
  #ended: EndReason | undefined;
  #lookedUp = false;

  constructor(options: ServerObjectOptions) {
    this.#options = options;
    this.#transport = new SessionTransport(options.record.id, {
      send: (message, relatedTo) => this.#send(message, relatedTo),
      closedByServer: () => !this.#over && options.outbound.closedByServer(),
    });
  }

  /** Makes and connects it; rejects with what the module threw, or when it takes too long. */
  async open(): Promise<void> {
    await within(CREATE_LIMIT_MS, this.#open());
  }

  /** Makes it again for a session that had one before: tells it what its client once told, and keeps the answers. */
  async reopen(): Promise<void> {
    await this.open();
    if (this.#over) return;
    this.#replay = new Replay((message, context) => this.deliver(message, context));
    try {
      await within(CREATE_LIMIT_MS, this.#replay.run(this.#options.record));
    } finally {
      this.#replay = undefined;
    }
  }

  /** Hands it a message; answers whether it looked for a handler. What its SDK can not read, it drops without a word. */
  deliver(message: JsonRpcMessage, context: MessageContext): boolean {
    this.#lookedUp = false;
    this.#transport.onmessage?.(message, context);
    return this.#lookedUp;
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

  async #open(): Promise<void> {
    const { record, handlers } = this.#options;
    const server = await this.#options.create({
      era: 'legacy',
      id: record.id,
      state: record.state,
      fleetKey: this.#options.fleetKey(),
      onEnd: (callback) => {
        if (this.#ended === undefined) this.#onEnd.push(callback);
        else this.#attempt(() => callback(this.#ended as EndReason));
      },
    });
    if (this.#over) return;
    // Both SDKs' `connect` take this transport; their types differ in parts that it does not have. One that serves
    // another session refuses, and is not ours to close.
    await server.connect(this.#transport as never);
    this.#server = server;
    watchHandlers(server, {
      lookedUp: () => {
        this.#lookedUp = true;
      },
      started: (id) => handlers.started(id),
      settled: (id) => handlers.settled(id),
    });
    if (this.#over) this.#attempt(() => server.close());
  }

  #send(message: JsonRpcMessage, relatedTo: RequestId | undefined): Promise<void> | undefined {
    if (this.#replay?.takes(message) === true) return undefined;
    // What a closed object still says belongs to nobody.
    return this.#over ? undefined : this.#options.outbound.send(message, relatedTo);
  }

  #close(): void {
    this.#over = true;
    this.#attempt(() => this.#server?.close());
  }

  /** The module's code may throw, reject, or return nothing where a promise was expected. */
  #attempt(action: () => unknown): void {
    Promise.resolve()
      .then(action)
      .catch((error: unknown) => this.#options.failed(error));
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
