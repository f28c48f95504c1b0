import { ErrorCode, isRequest, type JsonRpcMessage, type RequestId } from '../../protocol/json-rpc.ts';
import type { RawClient, RawServer } from '../raw-server.ts';
import { Conversation, type ConversationOptions } from './conversation.ts';

/** The server of one session: a child of its own, which is told and asked over stdio (MCP 2025-11-25, stdio). */
export class ChildServer implements RawServer {
  readonly #conversation: Conversation;

  constructor(options: ConversationOptions) {
    this.#conversation = new Conversation(options);
  }

  connect(client: RawClient): Promise<void> {
    return this.#conversation.open({
      signOfLife: { method: 'ping' },
      message: (message, call) => this.#pass(message, call, client),
      lost: (why) => client.lost(why),
    });
  }

  get unsent(): number {
    return this.#conversation.unsent;
  }

  receive(message: JsonRpcMessage): void {
    void this.#conversation.send(message);
  }

  close(): Promise<void> {
    return this.#conversation.close();
  }

  #pass(message: JsonRpcMessage, call: RequestId | undefined, client: RawClient): Promise<void> | undefined {
    try {
      return client.send(message, call);
    } catch (error) {
      // There is nobody to ask any more.
      if (!isRequest(message)) return undefined;
      const told = { code: ErrorCode.internal, message: error instanceof Error ? error.message : String(error) };
      void this.#conversation.send({ jsonrpc: '2.0', id: message.id, error: told });
      return undefined;
    }
  }
}
