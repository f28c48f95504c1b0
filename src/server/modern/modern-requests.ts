import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerEventBus } from '@modelcontextprotocol/server';
import type { JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { AnyMcpServer } from '../../sources/define-server.ts';
import { contextOf } from '../../sources/raw-server.ts';
import type { Source, SourceDefinition } from '../../sources/source.ts';
import type { StreamRegistry } from '../event-stream.ts';
import { urlOf } from '../request-url.ts';
import { watchHandlers } from '../watch-handlers.ts';
import { webHeaders } from '../web-headers.ts';
import { type ModernProduct, serverOf } from './client-identity.ts';
import type { Departure } from './departure.ts';
import { answerInternalError, serveDirectly } from './direct-request.ts';
import type { ModernExchange } from './modern-exchange.ts';
import { isPlain } from './plain-request.ts';
import { type Challenge, challengeOf, wantsHeaders } from './sdk-checks.ts';
import { ServerObjects, type ServerObjectsOptions } from './server-objects.ts';
import { writeResponse } from './write-response.ts';

type CreateHandler = NonNullable<Source['createModernHandler']>;
export type SdkHandler = ReturnType<CreateHandler>;

export interface ModernRequestsOptions extends ServerObjectsOptions {
  readonly definition: Pick<SourceDefinition, 'create' | 'reusable' | 'sameSdk'>;
  readonly createHandler: CreateHandler;
  readonly streams: StreamRegistry;
  readonly maxStreamBuffer: number;
}

/** One request, as it is served. */
export interface ModernWork {
  readonly body: unknown;
  readonly isRequest: boolean;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly client: Departure;
  readonly exchange: ModernExchange;
}

/**
 * Serves modern requests with the module's server objects. The SDK's own handler serves them all but the plain ones,
 * whose web objects cost more than the call itself; those get the same answer on a shorter way.
 */
export class ModernRequests {
  readonly #options: ModernRequestsOptions;
  readonly #objects: ServerObjects;
  readonly #handler: SdkHandler;
  /** What belongs to a web request that is on its way through the SDK. */
  readonly #works = new WeakMap<Request, { readonly exchange: ModernExchange; readonly product?: AnyMcpServer }>();

  constructor(options: ModernRequestsOptions, bus: ServerEventBus) {
    this.#options = options;
    this.#objects = new ServerObjects(options);
    this.#handler = this.createHandler(bus, this.#objects);
  }

  get notify(): SdkHandler['notify'] {
    return this.#handler.notify;
  }

  /** Resolves when the answer is complete, or the client has gone. */
  async serve(work: ModernWork): Promise<void> {
    const { body, isRequest, req } = work;
    // Another version of the SDK may check something else.
    const direct = isRequest && this.#options.definition.sameSdk === true && isPlain(req, body as JsonRpcRequest);
    if (direct) await this.#serveDirectly(work, body as JsonRpcRequest);
    else await this.#serveBySdk(work);
  }

  /** A handler of the SDK whose requests, made by `webRequest`, are served by these server objects. */
  createHandler(bus: ServerEventBus, objects: Pick<ServerObjects, 'take'>): SdkHandler {
    return this.#options.createHandler(
      async ({ requestInfo }) => {
        const work = requestInfo && this.#works.get(requestInfo);
        if (work === undefined) throw new Error('The SDK asked for a server object without a request.');
        const product = work.product ?? (await objects.take(work.exchange, contextOf(requestInfo as Request)));
        watchHandlers(product, work.exchange, { serializable: true });
        return product as never;
      },
      {
        legacy: 'reject',
        bus,
        // Slots bound the listeners; the SDK's own in-band limit must never answer first.
        maxSubscriptions: Number.MAX_SAFE_INTEGER,
        // The process keeps all its streams alive with one timer.
        keepAliveMs: 0,
        onerror: this.#reported,
      },
    );
  }

  /** The same with a server object of its own for each request. */
  createListenHandler(bus: ServerEventBus): SdkHandler {
    return this.createHandler(bus, { take: (exchange, context) => this.#objects.create(exchange, context) });
  }

  /** The web request of a work that a handler made with `createHandler` is to serve. */
  webRequest({ req, client, exchange }: ModernWork, signal: AbortSignal, product?: AnyMcpServer): Request {
    const request = webRequest(req, client, signal);
    this.#works.set(request, { exchange, ...(product && { product }) });
    return request;
  }

  /** Lets go of the server objects that wait for a request. */
  close(): void {
    this.#objects.close();
  }

  async #serveDirectly(work: ModernWork, request: JsonRpcRequest): Promise<void> {
    const { req, res, client, exchange } = work;
    let product: ModernProduct;
    let challenge: Challenge | undefined;
    let bySdk: boolean;
    try {
      product = (await this.#objects.take(exchange, { headers: req.headers })) as ModernProduct;
      assertFree(product);
      bySdk = wantsHeaders(product, request);
      if (!bySdk) challenge = await challengeOf(product, request);
      assertFree(product);
    } catch (error) {
      exchange.spoil();
      this.#reported(error);
      return answerInternalError(res, request);
    }
    if (challenge !== undefined) return await challenge.during(() => this.#serveBySdk(work, product));
    if (bySdk) return await this.#serveBySdk(work, product);
    watchHandlers(product, exchange);
    const { streams, maxStreamBuffer } = this.#options;
    await serveDirectly(
      product,
      { request, res, client, exchange, webRequest: () => webRequest(req, client, client.signal) },
      { streams, maxStreamBuffer, reported: this.#reported },
    );
  }

  async #serveBySdk(work: ModernWork, product?: AnyMcpServer): Promise<void> {
    const { body, res, client, exchange } = work;
    const { streams, maxStreamBuffer } = this.#options;
    const request = this.webRequest(work, client.signal, product);
    const response = await this.#handler.fetch(request, { parsedBody: body });
    if (response.status >= 499) exchange.spoil();
    await writeResponse(response, res, { kind: 'request', maxBuffer: maxStreamBuffer, registry: streams });
    if (client.gone) exchange.spoil();
  }

  readonly #reported = (error: unknown): void => {
    this.#options.log.debug({ err: error }, 'Modern request reported an error');
  };
}

function assertFree(product: ModernProduct): void {
  if (serverOf(product).transport === undefined) return;
  throw new Error('The module gave a server object that still serves another request.');
}

function webRequest(req: IncomingMessage, client: Departure, signal: AbortSignal): Request {
  const request = new Request(urlOf(req), { method: 'POST', headers: webHeaders(req), signal });
  client.keep(request);
  return request;
}
