import { isRequest, isResponse, type JsonRpcMessage, type JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { ClientContext, RawClient, RawServer } from '../raw-server.ts';

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
  #changed = false;
  #opening: { readonly request: JsonRpcRequest; readonly context: ClientContext } | undefined;

  constructor(eras: Eras, session: string | undefined, modernOnly: () => void) {
    this.#eras = eras;
    this.#modernOnly = modernOnly;
    this.#session = session;
    this.#server = eras.legacy(session);
  }

  async connect(client: RawClient): Promise<void> {
    await this.#server.connect({
      send: (message, relatedTo) =>
        this.#isRefusal(message) ? void this.#changeOver(client) : client.send(message, relatedTo),
      answer: (id, answer) => client.answer(id, answer),
      lost: (why, notBegun) => {
        // That one which refused is gone is no loss.
        if (!this.#changed) client.lost(why, notBegun);
      },
    });
  }

  receive(message: JsonRpcMessage, context: ClientContext): void {
    if (isRequest(message) && message.method === 'initialize') this.#opening = { request: message, context };
    this.#server.receive(message, context);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #isRefusal(message: JsonRpcMessage): boolean {
    return (
      isResponse(message) &&
      'error' in message &&
      message.error.code === UNSUPPORTED_VERSION &&
      message.id === this.#opening?.request.id
    );
  }

  async #changeOver(client: RawClient): Promise<void> {
    const { request, context } = this.#opening as { request: JsonRpcRequest; context: ClientContext };
    this.#changed = true;
    this.#modernOnly();
    void this.#server.close();
    this.#server = this.#eras.modern(this.#session);
    await this.#server.connect(client);
    this.#server.receive(request, context);
  }
}
