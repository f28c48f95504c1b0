import type { IncomingMessage, ServerResponse } from 'node:http';
import { InMemoryServerEventBus, type ServerEventBus } from '@modelcontextprotocol/server';
import { ErrorCode, idOf } from '../../protocol/json-rpc.ts';
import type { ChangesFilter } from '../../sources/bridge/follow-changes.ts';
import type { AnyMcpServer, Notifier, ServerSession } from '../../sources/define-server.ts';
import { type ClientContext, contextOf } from '../../sources/raw-server.ts';
import type { Source, SourceDefinition } from '../../sources/source.ts';
import type { Admission } from '../admission.ts';
import { answerEmpty, answerError, answerText } from '../answers.ts';
import type { Classified } from '../classify.ts';
import type { Elsewhere, Work } from '../elsewhere.ts';
import { EventStream, type StreamRegistry } from '../event-stream.ts';
import type { SessionMetrics } from '../legacy/sessions.ts';
import type { Log } from '../log.ts';
import type { Refuse } from '../refusals.ts';
import { watchHandlers } from '../watch-handlers.ts';
import { webHeaders } from '../web-headers.ts';
import { ModernExchange } from './modern-exchange.ts';
import { PassedListen } from './passed-listen.ts';

type ModernBody = Extract<Classified, { kind: 'modern' }>;
type CreateHandler = NonNullable<Source['createModernHandler']>;
type Handler = ReturnType<CreateHandler>;

export interface ModernEndpointOptions {
  readonly definition: Pick<SourceDefinition, 'create'>;
  readonly createHandler: CreateHandler;
  readonly follow: Source['follow'];
  readonly proxy: Source['modernProxy'];
  readonly admission: Admission;
  readonly metrics: Pick<SessionMetrics, 'requestStarted' | 'requestOver'>;
  readonly streams: StreamRegistry;
  readonly maxStreamBuffer: number;
  readonly log: Log;
  readonly clock: () => number;
  /** The fleet's secret, as it is now. */
  readonly fleetKey: () => string;
}

/** The modern era on `/mcp` (MCP 2026-07-28): every request for itself, one slot per request in flight. */
export class ModernEndpoint {
  readonly #options: ModernEndpointOptions;
  readonly #bus = new InMemoryServerEventBus();
  readonly #requests: Handler;
  /** A handler per listener, since a handler can only end all its listeners at once, and its requests with them. */
  readonly #listens = new Set<Pick<Handler, 'close'>>();
  readonly #exchanges = new WeakMap<Request, ModernExchange>();

  constructor(options: ModernEndpointOptions) {
    this.#options = options;
    this.#requests = this.#createHandler(this.#bus);
  }

  get notify(): Notifier {
    return this.#requests.notify;
  }

  /**
   * Serves one POST; the slot is taken before anything is awaited, and held until handler and answer are both over.
   * Without a slot it is offered elsewhere.
   */
  async post(
    { body, method, isRequest }: ModernBody,
    work: Work & { readonly body: string },
    elsewhere: Elsewhere,
    refuse: Refuse,
  ): Promise<void> {
    const { req, res } = work;
    // A notification has no session to change and no answer to give; a server object for it would be made for nothing.
    if (method !== undefined && !isRequest) return answerEmpty(res, 202);
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    const exchange = new ModernExchange();
    if (isRequest) this.#count(method ?? '', exchange);
    if (isRequest && method !== 'server/discover') {
      let admitted = this.#options.admission.admit();
      if ('refused' in admitted) {
        if (await elsewhere.offer(work)) return exchange.answered();
        const { admission } = this.#options;
        admitted = elsewhere.final ? await admission.admitRequestAfterAll(gone.signal) : admission.admit();
      }
      if ('refused' in admitted) {
        if (!gone.signal.aborted) refuse(res, admitted.refused, idOf(body));
        return exchange.answered();
      }
      exchange.onOver(admitted.release);
      // A listener stays: it counts as it is, not as a mean.
      if (method !== 'subscriptions/listen') exchange.onOver(this.#options.admission.countShortRequest());
    }
    const { proxy } = this.#options;
    try {
      if (proxy?.available === true) {
        if (method !== 'subscriptions/listen') return await proxy.pass(req, work.body, res, gone.signal);
        const listen = new PassedListen(work.body);
        await this.#passing(listen, () => proxy.pass(req, work.body, res, gone.signal, listen.ending));
        // One that was ended before it had an answer.
        if (!res.headersSent && !gone.signal.aborted) refuse(res, 'draining', idOf(body));
        return;
      }
      const request = new Request(urlOf(req), {
        method: 'POST',
        headers: webHeaders(req),
        signal: gone.signal,
      });
      this.#exchanges.set(request, exchange);
      if (method === 'subscriptions/listen') await this.#listen(request, body, req, res);
      else await this.#write(await this.#requests.fetch(request, { parsedBody: body }), 'request', res);
    } catch (error) {
      this.#options.log.error({ err: error }, 'Modern request failed');
      res.destroy();
    } finally {
      exchange.answered();
    }
  }

  async #passing(listen: PassedListen, pass: () => Promise<void>): Promise<void> {
    const { streams } = this.#options;
    this.#listens.add(listen);
    streams.add(listen);
    try {
      await pass();
    } finally {
      this.#listens.delete(listen);
      streams.remove(listen);
    }
  }

  /** Ends every listener with its graceful result, one by one at the pace that `pause` sets. */
  async endListens(pause: () => Promise<void>): Promise<void> {
    for (const listen of this.#listens) {
      await pause();
      await listen.close();
    }
  }

  get listens(): number {
    return this.#listens.size;
  }

  #createHandler(bus: ServerEventBus): Handler {
    return this.#options.createHandler(
      async ({ requestInfo }) => {
        const exchange = requestInfo && this.#exchanges.get(requestInfo);
        const product = await this.#create(
          {
            era: 'modern',
            id: undefined,
            state: {},
            fleetKey: this.#options.fleetKey(),
            onEnd: (callback) => exchange?.onOver(() => this.#attempt(() => callback('closed'))),
          },
          requestInfo && contextOf(requestInfo),
        );
        if (exchange !== undefined) watchHandlers(product, exchange, { serializable: true });
        return product as never;
      },
      {
        legacy: 'reject',
        bus,
        // Slots bound the listeners; the SDK's own in-band limit must never answer first.
        maxSubscriptions: Number.MAX_SAFE_INTEGER,
        // The process keeps all its streams alive with one timer.
        keepAliveMs: 0,
        onerror: (error) => this.#options.log.debug({ err: error }, 'Modern request reported an error'),
      },
    );
  }

  /** The SDK tells only that something failed. */
  async #create(session: ServerSession, context: ClientContext | undefined): Promise<AnyMcpServer> {
    try {
      // Raw servers are made for legacy sessions only.
      return (await this.#options.definition.create(session, context)) as AnyMcpServer;
    } catch (error) {
      this.#options.log.error({ err: error }, 'Server object failed');
      throw error;
    }
  }

  async #listen(request: Request, body: unknown, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { follow } = this.#options;
    // What a server elsewhere tells one listener is for that one alone.
    const handler = this.#createHandler(follow === undefined ? this.#bus : new InMemoryServerEventBus());
    this.#listens.add(handler);
    let ended: Promise<void> | undefined;
    try {
      const filter = filterOf(body);
      if (follow !== undefined && filter !== undefined) {
        const followed = await follow(filter, handler.notify, req, request.signal).catch(asError);
        if (!('ended' in followed)) return answerError(res, 200, followed, idOf(body));
        ended = followed.ended;
      }
      const response = await handler.fetch(request, { parsedBody: body });
      // The graceful result has its client listen again, to a server that is there.
      void ended?.then(() => handler.close());
      await this.#write(response, 'listen', res);
    } finally {
      this.#listens.delete(handler);
    }
  }

  async #write(response: Response, kind: 'request' | 'listen', res: ServerResponse): Promise<void> {
    if (res.destroyed) return void (await response.body?.cancel());
    if (response.body === null || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
      const headers = Object.fromEntries(response.headers);
      if (response.body === null) return answerEmpty(res, response.status, headers);
      return await answerText(res, response.status, await response.text(), headers);
    }
    const { streams, maxStreamBuffer } = this.#options;
    const stream = new EventStream(res, { kind, maxBuffer: maxStreamBuffer, registry: streams });
    // Read as fast as it is made: what the SDK's stream holds back is not bounded, what ours holds back is.
    for await (const chunk of response.body) void stream.raw(chunk);
    stream.end();
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.log.error({ err: error }, 'Module failed');
    }
  }

  #count(method: string, exchange: ModernExchange): void {
    const { metrics, clock } = this.#options;
    const startedAt = clock();
    metrics.requestStarted('modern');
    exchange.onOver(() => metrics.requestOver('modern', method, (clock() - startedAt) / 1_000));
  }
}

/** What a server elsewhere said against a listener. */
function asError(error: unknown): { readonly code: number; readonly message: string } {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  return { code: typeof code === 'number' ? code : ErrorCode.internal, message: String(message) };
}

/** What a listener asks for, in so far as it can be read; the SDK says what is wrong with the rest. */
function filterOf(body: unknown): ChangesFilter | undefined {
  const filter = (body as { params?: { notifications?: ChangesFilter } }).params?.notifications;
  const uris = filter?.resourceSubscriptions ?? [];
  const valid = Array.isArray(uris) && uris.every((uri) => typeof uri === 'string');
  return typeof filter === 'object' && filter !== null && valid ? filter : undefined;
}

/** A Host that no URL can have, such as one with credentials, is allowed where every host is. */
function urlOf({ headers: { host = '' }, url = '/' }: IncomingMessage): string {
  const absolute = `http://${/^[\w.:[\]-]+$/.test(host) ? host : 'localhost'}${url}`;
  return URL.canParse(absolute) ? absolute : 'http://localhost/mcp';
}
