import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import {
  ErrorCode,
  isNotification,
  isRequest,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  progressTokenOf,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import { type AskOptions, RawServerError, type RawSession } from '../bridge/raw-session.ts';
import type { RawClient, RawServer } from '../raw-server.ts';
import type { SharedChild } from './shared-child.ts';

/** A call of this session's client. */
interface Call {
  readonly cancel: AbortController;
  /** What the child knows its progress by, and what the client does. */
  readonly token: string;
  readonly clientToken: unknown;
}

type Result = Readonly<Record<string, unknown>>;

/** Less than what ends a child that does not read: one client must not be able to end it for all. */
const MOST_UNSENT = 16 * 1024 * 1024;

/** One session's part of a child that many share. */
export class SharedServer implements RawServer {
  readonly #child: SharedChild;
  readonly #calls = new Map<RequestId, Call>();
  #client: RawClient | undefined;
  /** That of the child which was there when this one began; another child knows nothing of it. */
  #session: RawSession | undefined;
  #closed = false;

  constructor(child: SharedChild) {
    this.#child = child;
  }

  async connect(client: RawClient): Promise<void> {
    const session = await this.#child.session;
    if (this.#closed) return;
    this.#session = session;
    this.#client = client;
    this.#child.add(this);
  }

  receive(message: JsonRpcMessage): void {
    if (isRequest(message)) void this.#serve(message);
    else if (isNotification(message) && message.method === 'notifications/cancelled') {
      this.#calls.get(message.params?.['requestId'] as RequestId)?.cancel.abort();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#client = undefined;
    this.#child.remove(this);
    for (const { cancel } of this.#calls.values()) cancel.abort();
    // Nobody waits for it: it may have to wait for what another client asked.
    for (const uri of this.#child.subscriptions.of(this)) this.#unsubscribe(uri).catch(() => {});
  }

  /** Passes on what the child says, if it is for this client. */
  hear(notification: JsonRpcNotification): void {
    const { method, params } = notification;
    if (method === 'notifications/progress') {
      const call = [...this.#calls].find(([, { token }]) => token === params?.['progressToken']);
      if (call === undefined) return;
      const [id, { clientToken }] = call;
      this.#client?.send({ ...notification, params: { ...params, progressToken: clientToken } }, id);
    } else if (method === 'notifications/resources/updated') {
      if (this.#child.subscriptions.has(this, String(params?.['uri']))) this.#client?.send(notification);
    } else if (method === 'notifications/message') {
      this.#client?.send(notification, [...this.#calls.keys()].at(-1));
    } else {
      this.#client?.send(notification);
    }
  }

  lost(why: string): void {
    this.#child.remove(this);
    this.#client?.lost(why);
  }

  async #serve(request: JsonRpcRequest): Promise<void> {
    const { id } = request;
    try {
      const result = await this.#answer(request);
      this.#client?.send({ jsonrpc: '2.0', id, result });
    } catch (error) {
      const { code, data } = error instanceof RawServerError ? error : { code: ErrorCode.internal, data: undefined };
      const message = error instanceof Error ? error.message : String(error);
      const told = { code, message, ...(data !== undefined && { data }) };
      this.#client?.send({ jsonrpc: '2.0', id, error: told });
    }
  }

  async #answer(request: JsonRpcRequest): Promise<Result> {
    const { method, params } = request;
    const uri = String(params?.['uri']);
    switch (method) {
      case 'initialize':
        return this.#introduce(String(params?.['protocolVersion']));
      case 'ping':
        return {};
      case 'resources/subscribe':
        return await this.#child.subscriptions.subscribe(
          this,
          uri,
          () => this.#call(request),
          () => this.#ask('resources/unsubscribe', { uri }),
        );
      case 'resources/unsubscribe':
        return await this.#unsubscribe(uri);
      default:
        return await this.#call(request);
    }
  }

  async #call({ id, method, params }: JsonRpcRequest): Promise<Result> {
    if (this.#closed) throw new Error('The session was closed before the command could be asked.');
    const call = { cancel: new AbortController(), token: this.#child.newToken(), clientToken: progressTokenOf(params) };
    const spokenOf = this.#child.speakers.begin(this);
    this.#calls.set(id, call);
    const { signal } = call.cancel;
    try {
      return await this.#ask(method, withToken(params, call), { signal, onLateAnswer: () => spokenOf.answered() });
    } finally {
      this.#calls.delete(id);
      if (signal.aborted) spokenOf.cancelled();
      else spokenOf.answered();
    }
  }

  async #unsubscribe(uri: string): Promise<Result> {
    const ask = () => this.#ask('resources/unsubscribe', { uri });
    return (await this.#child.subscriptions.unsubscribe(this, uri, ask)) ?? {};
  }

  async #ask(method: string, params: JsonRpcRequest['params'], options: AskOptions = {}): Promise<Result> {
    const session = this.#session;
    if (session === undefined) throw new Error('The session was closed.');
    if (session.unsent > MOST_UNSENT) {
      const problem = `The command does not read what it is sent: ${session.unsent} bytes wait for it. Try again later.`;
      throw new RawServerError(ErrorCode.server, problem);
    }
    return await session.ask(method, params, options);
  }

  /** The child was introduced once for all; its words fit every version of the legacy era that it could have chosen. */
  #introduce(asked: string): Result {
    const { protocolVersion: known } = this.#child.introduction;
    const protocolVersion = SUPPORTED_PROTOCOL_VERSIONS.includes(asked) && asked <= known ? asked : known;
    return { ...this.#child.introduction, protocolVersion };
  }
}

function withToken(params: JsonRpcRequest['params'], { token, clientToken }: Call): JsonRpcRequest['params'] {
  if (clientToken === undefined) return params;
  return { ...params, _meta: { ...(params?.['_meta'] as object), progressToken: token } };
}
