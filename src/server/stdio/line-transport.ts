import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import {
  ErrorCode,
  idOf,
  isRequest,
  isResponse,
  isStrictMessage,
  type JsonRpcMessage,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import { type Line, Lines } from '../../protocol/lines.ts';

export interface LineTransportOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** Bytes of one message. */
  readonly maxMessage: number;
}

/** A listener stays open until its client closes it: nobody waits for its answer (MCP 2026-07-28, subscriptions). */
const LISTEN = 'subscriptions/listen';

/** The `Transport` of both SDKs over a pair of streams, a message a line (MCP 2025-11-25, stdio). */
export class LineTransport {
  readonly #options: LineTransportOptions;
  readonly #owed = new Set<RequestId>();
  readonly #ended = Promise.withResolvers<void>();
  /** Nothing that is sent from now on is heard. */
  readonly #deaf = Promise.withResolvers<void>();
  #roomAgain: Promise<unknown> | undefined;
  readonly #onSettled: (() => void)[] = [];
  #reading = false;
  onmessage?: (message: JsonRpcMessage) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;

  constructor(options: LineTransportOptions) {
    this.#options = options;
  }

  /** Resolves when nothing more comes, or nothing more can be said. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Requests whose answers have not left this process. */
  get owed(): number {
    return this.#owed.size;
  }

  /** Resolves when the answers to all requests have left this process. */
  async settled(): Promise<void> {
    if (this.#owed.size > 0) await new Promise<void>((resolve) => this.#onSettled.push(resolve));
  }

  async start(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    const { input, output, maxMessage } = this.#options;
    const lines = new Lines(maxMessage);
    const end = () => this.#ended.resolve();
    const gone = () => {
      this.#deaf.resolve();
      end();
    };
    input.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) this.#take(line);
    });
    input.once('end', () => {
      // The end of the input ends its last line as well.
      for (const line of lines.rest()) this.#take(line);
      end();
    });
    // A client that is gone neither says nor hears anything more.
    input.once('close', end).on('error', end);
    output.once('close', gone).on('error', gone);
  }

  async send(message: JsonRpcMessage): Promise<void> {
    const { output } = this.#options;
    // What waits for a slow reader is not said yet.
    const said = () => {
      if (isResponse(message)) this.#answered(message.id as RequestId);
    };
    if (!output.writable) return said();
    if (output.write(`${JSON.stringify(message)}\n`, said)) return;
    this.#roomAgain ??= this.#waitForRoom();
    await this.#roomAgain;
  }

  /** Resolves when all that was sent has left this process, or nobody hears it any more. */
  async flushed(): Promise<void> {
    const { output } = this.#options;
    output.end();
    // A reader that is gone misses nothing.
    await finished(output, { readable: false }).catch(() => {});
  }

  async close(): Promise<void> {
    this.#options.input.pause();
    this.#ended.resolve();
    this.#deaf.resolve();
    this.onclose?.();
  }

  async #waitForRoom(): Promise<void> {
    const room = once(this.#options.output, 'drain');
    // It fails when the reader is gone, which ends the wait in any case.
    await Promise.race([room, this.#deaf.promise]).catch(() => {});
    this.#roomAgain = undefined;
  }

  #take({ text, cut }: Line): void {
    if (cut) {
      const { maxMessage } = this.#options;
      return this.#refuse(ErrorCode.invalidRequest, `A message may have ${maxMessage} bytes (--max-message).`, null);
    }
    if (text.trim() === '') return;
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return this.#refuse(ErrorCode.parse, 'Parse error: the line is not valid JSON.', null);
    }
    if (!isStrictMessage(message)) {
      return this.#refuse(
        ErrorCode.invalidRequest,
        'Invalid request: the line is not a JSON-RPC message.',
        idOf(message),
      );
    }
    if (isRequest(message) && message.method !== LISTEN) this.#owed.add(message.id);
    this.onmessage?.(message);
    // A cancelled request is not answered (MCP 2025-11-25, cancellation).
    if ('method' in message && message.method === 'notifications/cancelled') {
      this.#answered(message.params?.['requestId'] as RequestId);
    }
  }

  #refuse(code: number, message: string, id: RequestId | null): void {
    void this.send({ jsonrpc: '2.0', id, error: { code, message } });
  }

  #answered(id: RequestId): void {
    if (this.#owed.delete(id) && this.#owed.size === 0) for (const callback of this.#onSettled.splice(0)) callback();
  }
}
