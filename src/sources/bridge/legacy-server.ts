import { Client, LOG_LEVEL_META_KEY, ProtocolError, type Transport } from '@modelcontextprotocol/client';
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import { z } from 'zod';
import {
  ErrorCode,
  isNotification,
  isRequest,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type JsonRpcResponse,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import type { ClientContext, RawClient, RawServer } from '../raw-server.ts';
import { MODERN_VERSION } from './discover-request.ts';

type Result = Readonly<Record<string, unknown>>;

/** What a server of the modern era may want of its client; each needs a capability of that name. */
const ASKED_FOR = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
} as const;
/** What the legacy era listens for without saying so. */
const LIST_CHANGES = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
/** Timers wait no longer; how long a call may take is the session's affair. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const anyResult = z.looseObject({});

/** The server of one legacy session, for a server that speaks the modern era alone (MCP 2026-07-28). */
export class LegacyServer implements RawServer {
  readonly #open: () => Transport;
  readonly #running = new Map<RequestId, AbortController>();
  /** The call that a progress token belongs to. */
  readonly #progressOf = new Map<unknown, RequestId>();
  readonly #asked = new Map<RequestId, PromiseWithResolvers<JsonRpcResponse>>();
  readonly #subscriptions = new Set<string>();
  #client: RawClient | undefined;
  #transport: Transport | undefined;
  #server: Client | undefined;
  #closed = false;
  #initialized = false;
  #logLevel: unknown;
  #lastAsked = 0;
  #listening: Promise<{ close(): Promise<void> } | undefined> = Promise.resolve(undefined);
  /** Whether there is a filter that nobody listens by yet. */
  #listensSoon = false;

  /** `open`: a transport to the server, not started yet. */
  constructor(open: () => Transport) {
    this.#open = open;
  }

  async connect(client: RawClient): Promise<void> {
    this.#client = client;
  }

  receive(message: JsonRpcMessage, _context: ClientContext): void {
    if (isRequest(message)) {
      void this.#serve(message);
    } else if (!isNotification(message)) {
      this.#asked.get(message.id as RequestId)?.resolve(message);
    } else if (message.method === 'notifications/cancelled') {
      this.#running.get(message.params?.['requestId'] as RequestId)?.abort();
    } else if (message.method === 'notifications/initialized' && !this.#initialized) {
      this.#initialized = true;
      this.#listen();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#client = undefined;
    this.#server = undefined;
    for (const cancel of this.#running.values()) cancel.abort();
    await this.#transport?.close();
  }

  async #serve(request: JsonRpcRequest): Promise<void> {
    const { id } = request;
    const cancel = new AbortController();
    this.#running.set(id, cancel);
    try {
      const result = await this.#answer(request, cancel.signal);
      if (!cancel.signal.aborted) await this.#client?.send({ jsonrpc: '2.0', id, result });
    } catch (error) {
      if (!cancel.signal.aborted) this.#client?.send({ jsonrpc: '2.0', id, error: errorOf(error) });
    } finally {
      this.#running.delete(id);
    }
  }

  async #answer(request: JsonRpcRequest, signal: AbortSignal): Promise<Result> {
    const { method, params } = request;
    switch (method) {
      case 'initialize':
        return await this.#introduce(params ?? {});
      case 'ping':
        return {};
      case 'logging/setLevel':
        this.#logLevel = params?.['level'];
        return {};
      case 'resources/subscribe':
        this.#subscriptions.add(String(params?.['uri']));
        this.#listen();
        return {};
      case 'resources/unsubscribe':
        this.#subscriptions.delete(String(params?.['uri']));
        this.#listen();
        return {};
      default:
        return await this.#ask(request, signal);
    }
  }

  /** Asks the server who it is in the name of the client, and answers as a server of the legacy era would. */
  async #introduce({ clientInfo, capabilities = {}, protocolVersion: asked }: Result): Promise<Result> {
    if (this.#transport !== undefined) throw new Error('The server was introduced before: send initialize once.');
    const server = new Client(clientInfo as ConstructorParameters<typeof Client>[0], {
      capabilities: capabilities as object,
      versionNegotiation: { mode: { pin: MODERN_VERSION } },
    });
    for (const [method, capability] of Object.entries(ASKED_FOR)) {
      if (capability in (capabilities as object)) {
        server.setRequestHandler(method as never, (request: never, { mcpReq }) => {
          return this.#askClient(method, request, mcpReq.signal) as never;
        });
      }
    }
    // The library's own handler drops what comes right before the answer.
    server.setNotificationHandler('notifications/progress', ({ method, params }) => {
      const id = this.#progressOf.get(params.progressToken);
      if (id !== undefined) void this.#client?.send({ jsonrpc: '2.0', method, params }, id);
    });
    server.fallbackNotificationHandler = async (notification) => {
      await this.#client?.send({ jsonrpc: '2.0', ...notification } as JsonRpcMessage, this.#newest());
    };
    server.onclose = () => {
      if (this.#server === server) this.#client?.lost('The server closed the connection.');
    };
    await this.#connect(server);
    const instructions = server.getInstructions();
    const latest = SUPPORTED_PROTOCOL_VERSIONS[0];
    return {
      protocolVersion: SUPPORTED_PROTOCOL_VERSIONS.includes(String(asked)) ? asked : latest,
      capabilities: server.getServerCapabilities() ?? {},
      serverInfo: server.getServerVersion(),
      ...(instructions !== undefined && { instructions }),
    };
  }

  /** The transport is known before it is started, so that whatever it has begun is ended by `close`. */
  async #connect(server: Client): Promise<void> {
    const transport = this.#open();
    this.#transport = transport;
    try {
      await server.connect(transport);
      if (this.#closed) throw new Error('The session was closed while the server was being introduced.');
    } catch (error) {
      await transport.close();
      // It may be tried again.
      this.#transport = undefined;
      throw error;
    }
    this.#server = server;
  }

  async #ask({ id, method, params }: JsonRpcRequest, signal: AbortSignal): Promise<Result> {
    if (this.#server === undefined) throw new Error('The server was not introduced: send initialize first.');
    const meta = { ...(params?.['_meta'] as Record<string, unknown> | undefined) };
    if (this.#logLevel !== undefined) meta[LOG_LEVEL_META_KEY] = this.#logLevel;
    const request = { method, params: { ...params, ...(Object.keys(meta).length > 0 && { _meta: meta }) } };
    this.#progressOf.set(meta['progressToken'], id);
    try {
      return await this.#server.request(request as never, anyResult, { signal, timeout: LONGEST_TIMER_MS });
    } finally {
      this.#progressOf.delete(meta['progressToken']);
    }
  }

  /** Hands on what the server wants to know before it goes on (MCP 2026-07-28, multi round-trip requests). */
  async #askClient(
    method: string,
    { params }: { readonly params?: JsonRpcRequest['params'] },
    signal: AbortSignal,
  ): Promise<Result> {
    const id = `berth-ask:${++this.#lastAsked}`;
    const call = this.#newest();
    const answered = Promise.withResolvers<JsonRpcResponse>();
    const withdraw = () => {
      const told = { requestId: id, reason: 'The call that it was asked for is over.' };
      this.#client?.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: told }, call);
      answered.reject(new Error('The call was cancelled before the client answered.'));
    };
    signal.throwIfAborted();
    signal.addEventListener('abort', withdraw, { once: true });
    this.#asked.set(id, answered);
    try {
      this.#client?.send({ jsonrpc: '2.0', id, method, ...(params && { params }) }, call);
      const answer = await answered.promise;
      if ('error' in answer) throw new ProtocolError(answer.error.code, answer.error.message, answer.error.data);
      return answer.result;
    } finally {
      this.#asked.delete(id);
      signal.removeEventListener('abort', withdraw);
    }
  }

  /** Listens for what the client wants to know of by now, in place of what it listened for before. */
  #listen(): void {
    if (this.#listensSoon) return;
    this.#listensSoon = true;
    this.#listening = this.#listening.then(async (before) => {
      this.#listensSoon = false;
      const filter = { ...LIST_CHANGES, resourceSubscriptions: [...this.#subscriptions] };
      // A server that can not be listened to has nothing to tell.
      const next = await this.#server?.listen(filter).catch(() => undefined);
      await before?.close().catch(() => {
        // What can not be told that it is over was over before.
      });
      return next;
    });
  }

  #newest(): RequestId | undefined {
    return [...this.#running.keys()].at(-1);
  }
}

function errorOf(error: unknown): { readonly code: number; readonly message: string; readonly data?: unknown } {
  const { code, message, data } = error as { readonly code?: unknown; readonly message?: unknown; data?: unknown };
  return {
    code: Number.isSafeInteger(code) ? (code as number) : ErrorCode.internal,
    message: String(message),
    ...(data !== undefined && { data }),
  };
}
