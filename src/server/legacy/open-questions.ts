import { isNotification, isRequest, type JsonRpcMessage, type RequestId } from '../../protocol/json-rpc.ts';
import { isUse, type SessionUse } from './session-use.ts';

/**
 * Requests to the client that belong to no call of its own. Each holds its session until it is answered or called off: the
 * answer must find who asked. A ping holds nothing, or a client that has gone would never be idle.
 */
export class OpenQuestions {
  readonly #use: SessionUse;
  readonly #limit: number;
  readonly #asked = new Map<RequestId, NodeJS.Timeout>();

  /** `limit`: milliseconds after which an answer may still come, and is only not waited for. */
  constructor(use: SessionUse, limit: number) {
    this.#use = use;
    this.#limit = limit;
  }

  /** Takes note of what the server sends. */
  sent(message: JsonRpcMessage): void {
    if (isRequest(message) && isUse(message) && !this.#asked.has(message.id)) {
      this.#asked.set(message.id, setTimeout(() => this.answered(message.id), this.#limit).unref());
      this.#use.hold('call');
    } else if (isNotification(message) && message.method === 'notifications/cancelled') {
      this.answered(message.params?.['requestId'] as RequestId);
    }
  }

  answered(id: RequestId): void {
    clearTimeout(this.#asked.get(id));
    if (this.#asked.delete(id)) this.#use.letGo('call');
  }

  /** Waits for none of them any longer. */
  giveUp(): void {
    for (const id of [...this.#asked.keys()]) this.answered(id);
  }
}
