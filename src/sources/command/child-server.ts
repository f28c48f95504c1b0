import {
  isNotification,
  isRequest,
  isResponse,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import type { RawClient, RawServer } from '../raw-server.ts';
import type { Child, ChildExit } from './child.ts';
import { SilenceWatch } from './silence-watch.ts';

export interface ChildServerOptions {
  /** Takes the child that is to serve this session. */
  take(): Child;
  /** The id of the session, for the log. */
  readonly session: string | undefined;
  /** Milliseconds for the first answer. */
  readonly startTimeout: number;
  /** Milliseconds that a child which owes an answer may say nothing. */
  readonly silenceTimeout: number;
  readonly clock: () => number;
}

/** More than the requests of one session that may be in flight usually amount to. */
const MOST_UNSENT = 64 * 1024 * 1024;

/** The server of one session: a child of its own, which is told and asked over stdio (MCP 2025-11-25, stdio). */
export class ChildServer implements RawServer {
  readonly #options: ChildServerOptions;
  /** The client's requests that are not answered yet, the newest last, with their progress tokens. */
  readonly #owed = new Map<RequestId, unknown>();
  /** The child's requests that the client has not answered yet. */
  readonly #asked = new Set<RequestId>();
  #child: Child | undefined;
  #client: RawClient | undefined;
  #watch: SilenceWatch | undefined;

  constructor(options: ChildServerOptions) {
    this.#options = options;
  }

  async connect(client: RawClient): Promise<void> {
    const child = this.#options.take();
    if (this.#options.session !== undefined) child.assign(this.#options.session);
    this.#child = child;
    this.#client = client;
    this.#watch = new SilenceWatch({
      ...this.#options,
      lastHeard: () => child.lastHeard,
      // A child that waits for its client is not the one that is silent.
      owes: () => this.#owed.size > 0 && this.#asked.size === 0,
      ping: (id) => void child.send({ jsonrpc: '2.0', id, method: 'ping' }),
      onSilence: (why) => this.#giveUp(why),
    });
    child.listen({
      message: (message) => this.#hear(message),
      exited: (exit) => this.#exited(exit),
    });
  }

  receive(message: JsonRpcMessage): void {
    if (isRequest(message)) {
      this.#owed.set(message.id, progressTokenOf(message));
      this.#watch?.start();
    } else if (isResponse(message)) {
      this.#asked.delete(message.id as RequestId);
      if (this.#owed.size > 0) this.#watch?.start();
    } else if (message.method === 'notifications/cancelled') {
      this.#owed.delete(message.params?.['requestId'] as RequestId);
    }
    const child = this.#child;
    // A client goes on sending, whether its server reads or not.
    if (child !== undefined && child.unsent > MOST_UNSENT) this.#giveUp('The command does not read what it is sent.');
    else void child?.send(message);
  }

  async close(): Promise<void> {
    this.#client = undefined;
    this.#watch?.stop();
    await this.#child?.close();
  }

  #hear(message: JsonRpcMessage): Promise<void> | undefined {
    if (isResponse(message)) {
      if (this.#watch?.takes(message) === true) return undefined;
      const sent = this.#client?.send(message);
      this.#owed.delete(message.id as RequestId);
      return sent;
    }
    if (isRequest(message)) this.#asked.add(message.id);
    else if (message.method === 'notifications/cancelled')
      this.#asked.delete(message.params?.['requestId'] as RequestId);
    try {
      return this.#client?.send(message, this.#belongsTo(message));
    } catch (error) {
      // There is nobody to ask any more.
      if (isRequest(message)) this.#refuse(message.id, error);
      return undefined;
    }
  }

  /**
   * The call that a message belongs to. Over stdio nothing but progress says so; anything else that is not about the
   * server as a whole goes where somebody is sure to listen, which is the newest call.
   */
  #belongsTo(message: JsonRpcMessage): RequestId | undefined {
    if (isNotification(message) && message.method === 'notifications/progress') {
      const token = message.params?.['progressToken'];
      return [...this.#owed].find(([, wanted]) => wanted === token)?.[0];
    }
    if (isNotification(message) && isAboutServer(message.method)) return undefined;
    return [...this.#owed.keys()].at(-1);
  }

  #refuse(id: RequestId, error: unknown): void {
    this.#asked.delete(id);
    const message = error instanceof Error ? error.message : String(error);
    void this.#child?.send({ jsonrpc: '2.0', id, error: { code: -32603, message } });
  }

  #exited({ code, signal, reason }: ChildExit): void {
    this.#watch?.stop();
    const how = reason ?? (signal === null ? `exited with code ${code}` : `was ended by ${signal}`);
    this.#client?.lost(`The command ${how}.`);
  }

  #giveUp(why: string): void {
    this.#client?.lost(why);
    this.#child?.kill();
  }
}

function isAboutServer(method: string): boolean {
  return method.endsWith('/list_changed') || method === 'notifications/resources/updated';
}

function progressTokenOf({ params }: JsonRpcRequest): unknown {
  return (params?.['_meta'] as { readonly progressToken?: unknown } | undefined)?.progressToken;
}
