import { LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/server';
import berth from '../../../package.json' with { type: 'json' };
import {
  isRequest,
  isResponse,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import { type ClientContext, errorIn, type HttpAnswer, type RawClient, type RawServer } from '../raw-server.ts';

/** What a server said of itself in its answer to `initialize` (MCP 2025-11-25, lifecycle). */
export interface Introduction {
  readonly protocolVersion: string;
  readonly serverInfo: { readonly name: string; readonly version: string };
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly instructions?: string;
}

/** An answer of a server that is an error. */
export class RawServerError extends Error {
  readonly code: number;
  readonly data: unknown;
  /** The same as the server said it in the words of HTTP, if it did. */
  readonly answer: HttpAnswer | undefined;

  constructor(code: number, message: string, data?: unknown, answer?: HttpAnswer) {
    super(message);
    this.code = code;
    this.data = data;
    this.answer = answer;
  }
}

export interface RawSessionOptions {
  readonly context?: ClientContext;
  readonly clientInfo?: unknown;
  /** What the server says beside its answers. */
  onNotification?(notification: JsonRpcNotification): void;
  /** Ends the opening: whoever it is for has left. */
  readonly signal?: AbortSignal;
  /** Milliseconds for the opening. */
  readonly startLimit?: number;
  /** The server has gone by itself. */
  onLost?(why: string): void;
}

export interface AskOptions {
  /** Ends the waiting, and tells the server so. */
  readonly signal?: AbortSignal;
  /** Told if the server answers nevertheless after that. */
  onLateAnswer?(): void;
}

const NO_CONTEXT: ClientContext = { headers: {} };
const METHOD_NOT_FOUND = -32601;
const UNREACHABLE = -32000;
/** Cancelled calls whose answer may still come; most servers never answer them (MCP 2025-11-25, cancellation). */
const MOST_LATE = 1_000;

/**
 * A session of our own with a raw server, as its client: a client without sampling, elicitation and roots, so that the
 * server has nothing to ask.
 */
export class RawSession implements RawClient {
  readonly introduction: Promise<Introduction>;
  readonly #server: RawServer;
  readonly #options: RawSessionOptions;
  readonly #waiting = new Map<RequestId, PromiseWithResolvers<JsonRpcResponse>>();
  /** Who wants to know of the answer to a cancelled call, the oldest first. */
  readonly #late = new Map<RequestId, () => void>();
  #last = 0;
  #lost: RawServerError | undefined;

  /** Resolves once the server knows this client; rejects, with the server closed, when it does not want to. */
  static async open(server: RawServer, options: RawSessionOptions = {}): Promise<RawSession> {
    const session = new RawSession(server, options);
    const { signal, startLimit } = options;
    const leave = () => void session.close();
    const late = () => void session.close(`The server did not answer initialize within ${startLimit} ms.`);
    const timer = startLimit === undefined ? undefined : setTimeout(late, startLimit);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      if (signal?.aborted === true) leave();
      await session.introduction;
    } catch (error) {
      await session.close();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
    }
    return session;
  }

  private constructor(server: RawServer, options: RawSessionOptions) {
    this.#server = server;
    this.#options = options;
    this.introduction = this.#introduce();
  }

  /** Bytes that wait for the server to read them, as far as is known. */
  get unsent(): number {
    return this.#server.unsent ?? 0;
  }

  /** Rejects with a RawServerError: the server's own, or one that says why there is no answer. */
  async ask(
    method: string,
    params?: JsonRpcRequest['params'],
    { signal, onLateAnswer }: AskOptions = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    if (this.#lost !== undefined) throw this.#lost;
    const id = ++this.#last;
    const answered = Promise.withResolvers<JsonRpcResponse>();
    this.#waiting.set(id, answered);
    const cancel = () => {
      if (!this.#waiting.delete(id)) return;
      if (onLateAnswer !== undefined) this.#expectLate(id, onLateAnswer);
      this.#receive({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
      answered.reject(new RawServerError(UNREACHABLE, 'The call was cancelled.'));
    };
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      this.#receive({ jsonrpc: '2.0', id, method, ...(params !== undefined && { params }) });
      if (signal?.aborted === true) cancel();
      const answer = await answered.promise;
      if ('error' in answer) throw new RawServerError(answer.error.code, answer.error.message, answer.error.data);
      return answer.result;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** `why` is what calls that wait for an answer fail with. */
  async close(why = 'The session was closed.'): Promise<void> {
    this.#end(why);
    await this.#server.close();
  }

  send(message: JsonRpcMessage): undefined {
    if (isRequest(message)) return this.#refuse(message);
    if (!isResponse(message)) return this.#options.onNotification?.(message) as undefined;
    const { id } = message;
    if (id !== undefined && id !== null) this.#answered(id)?.resolve(message);
  }

  answer(id: RequestId, answer: HttpAnswer): void {
    const { code, message, data } = errorIn(answer);
    this.#answered(id)?.reject(new RawServerError(code, message, data, answer));
  }

  lost(why: string): void {
    if (this.#lost !== undefined) return;
    this.#end(why);
    // What is left of it holds something still.
    void this.#server.close();
    this.#options.onLost?.(why);
  }

  /** Who waits for this answer. */
  #answered(id: RequestId): PromiseWithResolvers<JsonRpcResponse> | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    this.#late.get(id)?.();
    this.#late.delete(id);
    return waiting;
  }

  #expectLate(id: RequestId, onLateAnswer: () => void): void {
    this.#late.set(id, onLateAnswer);
    const [oldest] = this.#late.keys();
    if (this.#late.size > MOST_LATE && oldest !== undefined) this.#late.delete(oldest);
  }

  #end(why: string): void {
    this.#lost ??= new RawServerError(UNREACHABLE, why);
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#waiting.clear();
    this.#late.clear();
  }

  async #introduce(): Promise<Introduction> {
    await this.#server.connect(this);
    const introduction = await this.ask('initialize', {
      protocolVersion: LATEST_PROTOCOL_VERSION,
      capabilities: {},
      clientInfo: this.#options.clientInfo ?? { name: 'berth', version: berth.version },
    });
    this.#receive({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return introduction as unknown as Introduction;
  }

  #receive(message: JsonRpcMessage): void {
    this.#server.receive(message, this.#options.context ?? NO_CONTEXT);
  }

  #refuse({ id, method }: JsonRpcRequest): undefined {
    const error = { code: METHOD_NOT_FOUND, message: `This client does not know ${method}.` };
    this.#receive(method === 'ping' ? { jsonrpc: '2.0', id, result: {} } : { jsonrpc: '2.0', id, error });
  }
}
