import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  type Transport,
} from '@modelcontextprotocol/client';
import berth from '../../../package.json' with { type: 'json' };
import type { JsonRpcMessage } from '../../protocol/json-rpc.ts';
import { Conversation, type ConversationOptions } from './conversation.ts';

export interface ChildTransportOptions extends ConversationOptions {
  /** Ends when what was made of the child's words so far has been taken; the child waits for it. */
  taken(): Promise<void> | undefined;
  /** Told before `onclose` when the child is lost, with what to tell the client. */
  onLost(why: string): void;
}

/** There is no ping in that era, but a question that every server answers (MCP 2026-07-28, discovery). */
const DISCOVER = {
  method: 'server/discover',
  params: {
    _meta: {
      [PROTOCOL_VERSION_META_KEY]: '2026-07-28',
      [CLIENT_INFO_META_KEY]: { name: 'berth', version: berth.version },
      [CLIENT_CAPABILITIES_META_KEY]: {},
    },
  },
};

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
