import type {
  JSONRPCMessage,
  MessageExtraInfo,
  Server,
  Transport,
  TransportSendOptions,
} from '@modelcontextprotocol/server';
import { ErrorCode, type JsonRpcError, type JsonRpcMessage, type JsonRpcRequest } from '../../protocol/json-rpc.ts';
import { dispatch, Listened } from '../dispatch.ts';

/** Where the answer to one request goes. Nothing is said after `closed`. */
export interface Answer {
  /** The whole answer at once. */
  json(status: number, text: string): void;
  /** A message of an answer that is a stream, from its first one on; the promise ends when a slow reader has caught up. */
  message(text: string): Promise<void> | undefined;
  /** The end of a stream. */
  end(): void;
  /** The server object threw as it was closed. */
  failed(error: unknown): void;
  /** The server object is free; `answered` says whether there was an answer. */
  closed(answered: boolean): void;
}

/** Errors found before any handler runs have a status of their own (MCP 2026-07-28, Streamable HTTP). */
const STATUS: Readonly<Record<number, number>> = {
  [-32700]: 400,
  [-32600]: 400,
  [-32601]: 404,
  [-32022]: 400,
  [-32021]: 400,
  [-32020]: 400,
};
/** This one also when a handler finds it. */
const MISSING_CAPABILITY = -32021;

/**
 * The transport of one modern request. It answers as `PerRequestHTTPServerTransport` of the SDK does, which makes a web
 * `Response` where this one writes at once.
 */
export class ExchangeTransport extends Listened<NonNullable<Transport['onmessage']>> implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  readonly #request: JsonRpcRequest;
  readonly #answer: Answer;
  #server: Server | undefined;
  #delivering = false;
  #streaming = false;
  #answered = false;
  #closed = false;

  constructor(request: JsonRpcRequest, answer: Answer) {
    super();
    this.#request = request;
    this.#answer = answer;
  }

  async start(): Promise<void> {}

  /** Hands the request to the server object, once that is connected. */
  deliver(server: Server, extra: MessageExtraInfo): void {
    if (this.#closed) return;
    this.#server = server;
    this.#delivering = true;
    try {
      if (!dispatch(server, this, this.#request, extra)) this.listener?.(this.#request as never, extra);
    } finally {
      this.#delivering = false;
    }
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (this.#closed || this.#answered) return;
    if (!('method' in message)) return this.#respond(message as JsonRpcMessage);
    // What belongs to no request has no stream to go to.
    if (options?.relatedRequestId !== this.#request.id) return;
    const text = JSON.stringify(message);
    this.#streaming = true;
    await this.#answer.message(text);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#streaming && !this.#answered) this.#answer.end();
    try {
      // Of a call that was cut, and of a module that wants to know, code of the module runs, whose stacks are read.
      if (this.#answered && this.#server?.onclose === undefined) withoutStacks(() => this.onclose?.());
      else this.onclose?.();
    } catch (error) {
      this.#answer.failed(error);
    } finally {
      this.#answer.closed(this.#answered || this.#streaming);
    }
  }

  #respond(message: JsonRpcMessage): void {
    if ('id' in message && message.id !== this.#request.id) {
      this.onerror?.(new Error(`Received a response for an unknown request id: ${String(message.id)}`));
      return;
    }
    const early = this.#delivering;
    this.#answered = true;
    const [text, code] = responseText(message);
    if (this.#streaming) {
      void this.#answer.message(text);
      this.#answer.end();
    } else {
      const own = code !== undefined && (early || code === MISSING_CAPABILITY) ? STATUS[code] : undefined;
      this.#answer.json(own ?? 200, text);
    }
    queueMicrotask(() => void this.close());
  }
}

/** The SDK makes an error for whoever still waits for an answer; its stack costs a tenth of a call, and nobody waits. */
function withoutStacks(action: () => void): void {
  const { stackTraceLimit } = Error;
  // Where intrinsics are frozen it stays as it is.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    action();
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}

/** The text of an answer, and the code if it is an error; what can not be told becomes an error that says so. */
function responseText(message: JsonRpcMessage): [text: string, code: number | undefined] {
  const { id } = message as { readonly id: JsonRpcRequest['id'] };
  const failed = (why: string): [string, number] => {
    const error: JsonRpcError = { jsonrpc: '2.0', id, error: { code: ErrorCode.internal, message: why } };
    return [JSON.stringify(error), ErrorCode.internal];
  };
  if ('error' in message) {
    try {
      return [JSON.stringify(message), message.error.code];
    } catch {
      return failed('Internal error');
    }
  }
  if ('result' in message && (typeof message.result !== 'object' || message.result === null)) {
    return failed('Internal error');
  }
  try {
    return [JSON.stringify(message), undefined];
  } catch (error) {
    return failed(error instanceof Error ? error.message : 'Internal error');
  }
}
