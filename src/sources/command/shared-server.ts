import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import {
  isNotification,
  isRequest,
  type JsonRpcMessage,
  type JsonRpcNotification,
  type JsonRpcRequest,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import { RawServerError } from '../bridge/raw-session.ts';
import type { RawClient, RawServer } from '../raw-server.ts';
import type { SharedChild } from './shared-child.ts';

/** A call of this session's client. */
interface Call {
  readonly cancel: AbortController;
  /** What the child knows its progress by, and what the client does. */
  readonly token: string;
  readonly clientToken: unknown;
}

const INTERNAL_ERROR = -32603;

/** One session's part of a child that many share. */
export class SharedServer implements RawServer {
  readonly subscriptions = new Set<string>();
  readonly #child: SharedChild;
  readonly #calls = new Map<RequestId, Call>();
  #client: RawClient | undefined;

  constructor(child: SharedChild) {
    this.#child = child;
  }

  get busy(): boolean {
    return this.#calls.size > 0;
  }

  async connect(client: RawClient): Promise<void> {
    await this.#child.session;
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
    this.#client = undefined;
    this.#child.remove(this);
    for (const { cancel } of this.#calls.values()) cancel.abort();
    for (const uri of [...this.subscriptions]) await this.#unsubscribe(uri).catch(() => {});
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
      if (this.subscriptions.has(String(params?.['uri']))) this.#client?.send(notification);
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
      const { code, data } = error instanceof RawServerError ? error : { code: INTERNAL_ERROR, data: undefined };
      const message = error instanceof Error ? error.message : String(error);
      const told = { code, message, ...(data !== undefined && { data }) };
      this.#client?.send({ jsonrpc: '2.0', id, error: told });
    }
  }

  async #answer({ id, method, params }: JsonRpcRequest): Promise<Readonly<Record<string, unknown>>> {
    if (method === 'initialize') return this.#introduce(String(params?.['protocolVersion']));
    if (method === 'ping') return {};
    const uri = String(params?.['uri']);
    if (method === 'resources/unsubscribe') return await this.#unsubscribe(uri);
    const call = { cancel: new AbortController(), token: this.#child.newToken(), clientToken: tokenOf(params) };
    this.#calls.set(id, call);
    try {
      const session = await this.#child.session;
      const result = await session.ask(method, withToken(params, call), { signal: call.cancel.signal });
      if (method === 'resources/subscribe') this.subscriptions.add(uri);
      return result;
    } finally {
      this.#calls.delete(id);
    }
  }

  /** The child keeps telling as long as another client wants to hear of it. */
  async #unsubscribe(uri: string): Promise<Readonly<Record<string, unknown>>> {
    if (!this.subscriptions.delete(uri) || this.#child.isSubscribed(uri)) return {};
    const session = await this.#child.session;
    return await session.ask('resources/unsubscribe', { uri });
  }

  /** The child was introduced once for all; its words fit every version of the legacy era that it could have chosen. */
  #introduce(asked: string): Readonly<Record<string, unknown>> {
    const { protocolVersion: known } = this.#child.introduction;
    const protocolVersion = SUPPORTED_PROTOCOL_VERSIONS.includes(asked) && asked <= known ? asked : known;
    return { ...this.#child.introduction, protocolVersion };
  }
}

function tokenOf(params: JsonRpcRequest['params']): unknown {
  return (params?.['_meta'] as { readonly progressToken?: unknown } | undefined)?.progressToken;
}

function withToken(params: JsonRpcRequest['params'], { token, clientToken }: Call): JsonRpcRequest['params'] {
  if (clientToken === undefined) return params;
  return { ...params, _meta: { ...(params?.['_meta'] as object), progressToken: token } };
}
