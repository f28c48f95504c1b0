import { randomBytes } from 'node:crypto';
import {
  isRequest,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type RequestId,
} from '../../protocol/json-rpc.ts';

/**
 * The requests of one server to its client, under ids that no other server of the same session gives: what the client
 * answers to one that is gone must not be taken for an answer to the one that came after it.
 */
export class Questions {
  readonly #prefix = `${randomBytes(6).toString('base64url')}:`;
  readonly #open = new Map<string, RequestId>();

  /** The ids, as the client knows them, of those that are not answered. */
  get open(): string[] {
    return [...this.#open.keys()];
  }

  /** What the server says, as the client gets it. */
  outgoing<M extends JsonRpcRequest | JsonRpcNotification>(message: M): M {
    if (isRequest(message)) {
      const id = this.#idOf(message.id);
      this.#open.set(id, message.id);
      return { ...message, id };
    }
    if (message.method !== 'notifications/cancelled') return message;
    const requestId = this.#idOf(message.params?.['requestId'] as RequestId);
    this.#open.delete(requestId);
    return { ...message, params: { ...message.params, requestId } };
  }

  /** What the client answers, as the server gets it; nothing when the server has not asked, or does not any more. */
  incoming(response: JsonRpcResponse): JsonRpcResponse | undefined {
    const key = String(response.id);
    const id = this.#open.get(key);
    this.#open.delete(key);
    return id === undefined ? undefined : { ...response, id };
  }

  /** Servers may use 1 and "1" side by side. */
  #idOf(id: RequestId): string {
    return `${this.#prefix}${JSON.stringify(id)}`;
  }
}
