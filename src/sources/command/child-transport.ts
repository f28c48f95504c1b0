import type { Transport } from '@modelcontextprotocol/client';
import type { JsonRpcMessage } from '../../protocol/json-rpc.ts';
import { DISCOVER } from '../bridge/discover-request.ts';
import { Conversation, type ConversationOptions } from './conversation.ts';

export interface ChildTransportOptions extends ConversationOptions {
  /** Ends when what was made of the child's words so far has been taken; the child waits for it. */
  taken(): Promise<void> | undefined;
  /** Told before `onclose` when the child is lost, with what to tell the client. */
  onLost(why: string): void;
}

/** A child that speaks the modern era, as the `Transport` of the SDK's client. */
export class ChildTransport implements Transport {
  readonly #options: ChildTransportOptions;
  readonly #conversation: Conversation;
  onmessage?: NonNullable<Transport['onmessage']>;
  onclose?: () => void;
  onerror?: (error: Error) => void;

  constructor(options: ChildTransportOptions) {
    this.#options = options;
    this.#conversation = new Conversation(options);
  }

  /** Bytes that were sent and that the child has not taken. */
  get unsent(): number {
    return this.#conversation.unsent;
  }

  start(): Promise<void> {
    const { taken, onLost } = this.#options;
    return this.#conversation.open({
      // There is no ping in that era.
      signOfLife: DISCOVER,
      message: (message) => {
        this.onmessage?.(message as never);
        return taken();
      },
      lost: (why) => {
        onLost(why);
        this.onclose?.();
      },
    });
  }

  async send(message: unknown): Promise<void> {
    await this.#conversation.send(message as JsonRpcMessage);
  }

  close(): Promise<void> {
    return this.#conversation.close();
  }
}
