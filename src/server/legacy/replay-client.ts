import type { SessionRecord } from '../../fleet/session-snapshot.ts';
import { isResponse, type JsonRpcMessage, type JsonRpcResponse, type RequestId } from '../../protocol/json-rpc.ts';
import { errorIn, type HttpAnswer } from '../../sources/raw-server.ts';
import type { MessageContext } from './session-transport.ts';

/** No client's request ids begin like this, so that answers to ours can be told from answers to theirs. */
const ID_PREFIX = 'berth-replay:';

/** A client of our own that tells a rebuilt server object what the session's client once told the one before it. */
export class Replay {
  readonly #deliver: (message: JsonRpcMessage, context: MessageContext) => boolean;
  readonly #waiting = new Map<string, (response: JsonRpcResponse) => void>();
  readonly #context: MessageContext;
  readonly #aborted = Promise.withResolvers<never>();
  #last = 0;

  /** `context`: of the client's message that all this is done for, such as who it says it is. */
  constructor(
    deliver: (message: JsonRpcMessage, context: MessageContext) => boolean,
    context: MessageContext = NO_CONTEXT,
  ) {
    this.#deliver = deliver;
    this.#context = context;
    // Whoever waits is told; nobody may be waiting.
    this.#aborted.promise.catch(() => {});
  }

  /** Says `initialize` and `initialized`, then sets the log level and subscriptions that the client had asked for. */
  async run({ initialize, logLevel, subscriptions }: SessionRecord): Promise<void> {
    const answer = await this.#ask('initialize', initialize);
    if ('error' in answer) throw new Error(`The module refused to go on with a session: ${answer.error.message}`);
    this.#deliver({ jsonrpc: '2.0', method: 'notifications/initialized' }, this.#context);
    // A module that has no use for these any more answers with an error, which changes nothing for the client.
    if (logLevel !== undefined) await this.#ask('logging/setLevel', { level: logLevel });
    for (const uri of subscriptions) await this.#ask('resources/subscribe', { uri });
  }

  /** Notes that a request of this client was refused in the words of HTTP; answers whether it was one of its own. */
  refused(id: RequestId, answer: HttpAnswer): boolean {
    if (typeof id !== 'string' || !this.#waiting.has(id)) return false;
    this.#waiting.delete(id);
    this.abort(new RefusedByHttp(answer));
    return true;
  }

  /** Ends it: the server object has lost its server. */
  abort(error: Error): void {
    this.#aborted.reject(error);
  }

  /** Whether a message of the server object is an answer to this client, and so not for the session's. */
  takes(message: JsonRpcMessage): boolean {
    if (!isResponse(message) || typeof message.id !== 'string') return false;
    const resolve = this.#waiting.get(message.id);
    if (resolve === undefined) return false;
    this.#waiting.delete(message.id);
    resolve(message);
    return true;
  }

  #ask(method: string, params: Readonly<Record<string, unknown>>): Promise<JsonRpcResponse> {
    const id = `${ID_PREFIX}${++this.#last}`;
    const answered = new Promise<JsonRpcResponse>((resolve) => {
      this.#waiting.set(id, resolve);
      const known = this.#deliver({ jsonrpc: '2.0', id, method, params }, this.#context);
      if (known) return;
      this.#waiting.delete(id);
      resolve({ jsonrpc: '2.0', id, error: { code: -32601, message: `${method} is not understood.` } });
    });
    return Promise.race([answered, this.#aborted.promise]);
  }
}

/** The server behind would not go on with a session: its client has to hear why. */
export class RefusedByHttp extends Error {
  readonly answer: HttpAnswer;

  constructor(answer: HttpAnswer) {
    super(`The server refused to go on with a session: ${errorIn(answer).message}`);
    this.answer = answer;
  }
}

/** What a handler may know of a request that no HTTP request brought. */
const NO_CONTEXT: MessageContext = {
  requestInfo: { headers: {}, url: new URL('http://localhost/mcp') },
  request: new Request('http://localhost/mcp', { method: 'POST' }),
  closeStandaloneSSEStream() {},
};
