import type { AnyMcpServer, EndReason, ServerSession } from '../../sources/define-server.ts';
import type { JsonRpcMessage } from '../json-rpc.ts';
import { type HandlerObserver, watchHandlers } from '../watch-handlers.ts';
import type { SessionRecord } from './session-record.ts';
import type { MessageContext, SessionTransport } from './session-transport.ts';

export interface ServerObjectOptions {
  readonly record: SessionRecord;
  readonly transport: SessionTransport;
  readonly handlers: HandlerObserver;
  create(session: ServerSession): AnyMcpServer | Promise<AnyMcpServer>;
  failed(error: unknown): void;
}

/** The module's server object of one session: made, spoken to, and closed; whatever the module does about it. */
export class ServerObject {
  readonly #options: ServerObjectOptions;
  readonly #onEnd: ((reason: EndReason) => void)[] = [];
  #server: AnyMcpServer | undefined;
  #ended: EndReason | undefined;
  #lookedUp = false;

  constructor(options: ServerObjectOptions) {
    this.#options = options;
  }

  /** Makes and connects it; rejects with what the module threw. */
  async open(): Promise<void> {
    const { record, transport, handlers } = this.#options;
    const server = await this.#options.create({
      era: 'legacy',
      id: record.id,
      state: record.state,
      onEnd: (callback) => {
        if (this.#ended === undefined) this.#onEnd.push(callback);
        else this.#attempt(() => callback(this.#ended as EndReason));
      },
    });
    if (this.#ended !== undefined) return;
    // Both SDKs' `connect` take this transport; their types differ in parts that it does not have. One that serves
    // another session refuses, and is not ours to close.
    await server.connect(transport as never);
    this.#server = server;
    watchHandlers(server, {
      lookedUp: () => {
        this.#lookedUp = true;
      },
      started: (id) => handlers.started(id),
      settled: (id) => handlers.settled(id),
    });
    if (this.#ended !== undefined) this.#attempt(() => server.close());
  }

  /** Hands it a message; answers whether it looked for a handler. What its SDK can not read, it drops without a word. */
  deliver(message: JsonRpcMessage, context: MessageContext): boolean {
    this.#lookedUp = false;
    this.#options.transport.onmessage?.(message, context);
    return this.#lookedUp;
  }

  /** Closes it, and tells whoever asked to be told of the end. */
  end(reason: EndReason): void {
    this.#ended = reason;
    this.#attempt(() => this.#server?.close());
    for (const callback of this.#onEnd) this.#attempt(() => callback(reason));
  }

  /** The module's code may throw, reject, or return nothing where a promise was expected. */
  #attempt(action: () => unknown): void {
    Promise.resolve()
      .then(action)
      .catch((error: unknown) => this.#options.failed(error));
  }
}
