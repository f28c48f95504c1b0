import type { Transport } from '@modelcontextprotocol/client';
import type { JsonRpcMessage } from '../../protocol/json-rpc.ts';
import type { Child } from './child.ts';

/** A child as the `Transport` of the SDK's client. */
export class ChildTransport implements Transport {
  readonly #take: () => Child;
  #child: Child | undefined;
  onmessage?: NonNullable<Transport['onmessage']>;
  onclose?: () => void;
  onerror?: (error: Error) => void;

  constructor(take: () => Child) {
    this.#take = take;
  }

  async start(): Promise<void> {
    const child = this.#take();
    this.#child = child;
    child.listen({
      message: (message) => void this.onmessage?.(message as never),
      exited: () => this.onclose?.(),
    });
  }

  async send(message: unknown): Promise<void> {
    await this.#child?.send(message as JsonRpcMessage);
  }

  async close(): Promise<void> {
    await this.#child?.close();
  }
}
