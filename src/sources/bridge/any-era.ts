import { isRequest, isResponse, type JsonRpcMessage, type JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { ClientContext, ClientMessage, RawClient, RawServer } from '../raw-server.ts';

export interface Eras {
  /** A server of one session that is asked in the words of the legacy era; `session` is its id, for the log. */
  legacy(session?: string): RawServer;
  /** The same for one that speaks the modern era alone. */
  modern(session?: string): RawServer;
}

/** The code by which a server says that it does not speak the client's version (MCP 2026-07-28, versioning). */
const UNSUPPORTED_VERSION = -32022;

/** Makes servers for legacy sessions, whatever era the server behind them speaks; what the first one says is remembered. */
export function serversOfAnyEra(eras: Eras): (session?: string) => RawServer {
  let modernOnly = false;
  const learned = () => {
    modernOnly = true;
  };
  return (session) => (modernOnly ? eras.modern(session) : new EitherEra(eras, session, learned));
}

/** Asks in the words of the legacy era first, and changes over if that is what the server does not speak. */
class EitherEra implements RawServer {
  readonly #eras: Eras;
  readonly #session: string | undefined;
  readonly #modernOnly: () => void;
  #server: RawServer;
  /** The end of the server that was changed over from. */
  #leaving: Promise<void> | undefined;
  /** What the next server is to hear as soon as it can, while it is being connected. */
  #held: ClientMessage[] | undefined;
  #opening: (ClientMessage & { readonly message: JsonRpcRequest }) | undefined;
  #closed = false;

  constructor(eras: Eras, session: string | undefined, modernOnly: () => void) {
    this.#eras = eras;
    this.#modernOnly = modernOnly;
    this.#session = session;
    this.#server = eras.legacy(session);
  }

  async connect(client: RawClient): Promise<void> {
    await this.#server.connect({
      send: (message, relatedTo) => {
        // What one that refused still says is of no use, and that it is gone is no loss.
        if (this.#leaving !== undefined) return undefined;
        return this.#isRefusal(message) ? void this.#changeOver(client) : client.send(message, relatedTo);
      },
      answer: (id, answer) => client.answer(id, answer),
      lost: (why, notBegun) => {
        if (this.#leaving === undefined) client.lost(why, notBegun);
      },
    });
  }

  get unsent(): number {
    return this.#server.unsent ?? 0;
  }

  receive(message: JsonRpcMessage, context: ClientContext): void {
    if (isRequest(message) && message.method === 'initialize') this.#opening = { message, context };
    if (this.#held !== undefined) this.#held.push({ message, context });
    else this.#server.receive(message, context);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#leaving, this.#server.close()]);
  }

  #isRefusal(message: JsonRpcMessage): boolean {
    return (
      isResponse(message) &&
      'error' in message &&
      message.error.code === UNSUPPORTED_VERSION &&
      message.id === this.#opening?.message.id
    );
  }

  async #changeOver(client: RawClient): Promise<void> {
    this.#modernOnly();
    this.#held = [this.#opening as ClientMessage];
    this.#leaving = this.#server.close();
    const server = this.#eras.modern(this.#session);
    this.#server = server;
    try {
      await server.connect(client);
    } catch (error) {
      if (!this.#closed) client.lost(error instanceof Error ? error.message : String(error));
      return;
    }
    // What `close` let go of must not begin anything.
    if (this.#closed) return;
    const held = this.#held;
    this.#held = undefined;
    for (const { message, context } of held) server.receive(message, context);
  }
}
