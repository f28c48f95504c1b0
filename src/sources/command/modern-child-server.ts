import type { JsonRpcMessage, RequestId } from '../../protocol/json-rpc.ts';
import { LegacyServer } from '../bridge/legacy-server.ts';
import type { ClientContext, RawClient, RawServer } from '../raw-server.ts';
import { ChildTransport } from './child-transport.ts';
import type { ConversationOptions } from './conversation.ts';

/** The server of one legacy session whose child speaks the modern era alone: watched and held up as any other one is. */
export class ModernChildServer implements RawServer {
  readonly #server: LegacyServer;
  readonly #transports: ChildTransport[] = [];
  #client: RawClient | undefined;
  /** What the client has not taken yet. */
  #untaken: Promise<void> | undefined;

  constructor(options: ConversationOptions) {
    this.#server = new LegacyServer(() => {
      const taken = () => this.#untaken;
      const transport = new ChildTransport({ ...options, taken, onLost: (why) => this.#lost(why) });
      this.#transports.push(transport);
      return transport;
    });
  }

  connect(client: RawClient): Promise<void> {
    this.#client = client;
    return this.#server.connect({
      send: (message, relatedTo) => this.#send(message, relatedTo),
      answer: (id, answer) => this.#client?.answer(id, answer),
      lost: (why) => this.#lost(why),
    });
  }

  get unsent(): number {
    return this.#transports.at(-1)?.unsent ?? 0;
  }

  receive(message: JsonRpcMessage, context: ClientContext): void {
    this.#server.receive(message, context);
  }

  async close(): Promise<void> {
    this.#client = undefined;
    // A child that is still being introduced is known to its transport alone.
    await Promise.all([this.#server.close(), ...this.#transports.map((transport) => transport.close())]);
  }

  #send(message: JsonRpcMessage, relatedTo: RequestId | undefined): Promise<void> | undefined {
    const taken = this.#client?.send(message, relatedTo);
    if (taken === undefined) return undefined;
    const done = () => {
      if (this.#untaken === waiting) this.#untaken = undefined;
    };
    const waiting: Promise<void> = Promise.all([this.#untaken, taken]).then(done, done);
    this.#untaken = waiting;
    return taken;
  }

  /** The reason that comes first is the nearest to what happened. */
  #lost(why: string): void {
    const client = this.#client;
    this.#client = undefined;
    client?.lost(why);
  }
}
