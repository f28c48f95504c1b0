import type { IncomingMessage, ServerResponse } from 'node:http';
import { InMemoryServerEventBus } from '@modelcontextprotocol/server';
import { ErrorCode, idOf, type RequestId } from '../../protocol/json-rpc.ts';
import type { ChangesFilter, Followed } from '../../sources/bridge/follow-changes.ts';
import type { Notifier } from '../../sources/define-server.ts';
import { answerFor, type HttpAnswer } from '../../sources/raw-server.ts';
import type { Source } from '../../sources/source.ts';
import { within } from '../../sources/within.ts';
import type { Admission } from '../admission.ts';
import { answerEmpty, answerError } from '../answers.ts';
import type { Classified } from '../classify.ts';
import type { Elsewhere, Work } from '../elsewhere.ts';
import type { Refuse } from '../refusals.ts';
import type { SessionMetrics } from '../session-metrics.ts';
import { Departure } from './departure.ts';
import { ModernExchange } from './modern-exchange.ts';
import { ModernRequests, type ModernRequestsOptions, type ModernWork, type SdkHandler } from './modern-requests.ts';
import { PassedListen } from './passed-listen.ts';
import { writeResponse } from './write-response.ts';

type ModernBody = Extract<Classified, { kind: 'modern' }>;

export interface ModernEndpointOptions extends ModernRequestsOptions {
  readonly follow: Source['follow'];
  readonly proxy: Source['modernProxy'];
  readonly admission: Admission;
  readonly metrics: Pick<SessionMetrics, 'requestStarted' | 'requestOver'>;
  readonly clock: () => number;
}

/** The modern era on `/mcp` (MCP 2026-07-28): every request for itself, one slot per request in flight. */
export class ModernEndpoint {
  readonly #options: ModernEndpointOptions;
  readonly #bus = new InMemoryServerEventBus();
  readonly #requests: ModernRequests;
  /** A handler per listener, since a handler can only end all its listeners at once, and its requests with them. */
  readonly #listens = new Set<Pick<SdkHandler, 'close'>>();

  constructor(options: ModernEndpointOptions) {
    this.#options = options;
    this.#requests = new ModernRequests(options, this.#bus);
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
    const client = new Departure(res);
    const exchange = new ModernExchange();
    if (isRequest) this.#count(method ?? '', exchange);
    if (isRequest && method !== 'server/discover') {
      let admitted = this.#options.admission.admit();
      if ('refused' in admitted) {
        if (await elsewhere.offer(work)) return exchange.answered();
        const { admission } = this.#options;
        admitted = elsewhere.final ? await admission.admitRequestAfterAll(client.signal) : admission.admit();
      }
      if ('refused' in admitted) {
        if (!client.gone) refuse(res, admitted.refused, idOf(body));
        return exchange.answered();
      }
      exchange.onOver(admitted.release);
      // A listener stays: it counts as it is, not as a mean.
      if (method !== 'subscriptions/listen') exchange.onOver(this.#options.admission.countShortRequest());
    }
    const { proxy } = this.#options;
    try {
      if (proxy?.available === true) {
        const gone = client.untilClosed;
        if (method !== 'subscriptions/listen') return await proxy.pass(req, work.body, res, gone);
        const listen = new PassedListen(work.body);
        await this.#passing(listen, () => proxy.pass(req, work.body, res, gone, listen.ending));
        // One that was ended before it had an answer.
        if (!res.headersSent && !gone.aborted) refuse(res, 'draining', idOf(body));
        return;
      }
      const serving: ModernWork = { body, isRequest, req, res, client, exchange };
      const refusal = isRequest ? await proxy?.greet?.(req, client.signal).catch(asError) : undefined;
      if (refusal !== undefined) return answerRefusal(res, refusal, idOf(body));
      if (method === 'subscriptions/listen') await this.#listen(serving);
      else await this.#requests.serve(serving);
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

  /** Lets go of the server objects that wait for a request. */
  close(): void {
    this.#requests.close();
  }

  /** Listeners that are open; one that is still being made is a request like any other. */
  get listens(): number {
    return this.#listens.size;
  }

  async #listen(work: ModernWork): Promise<void> {
    const { follow, streams, maxStreamBuffer, admission } = this.#options;
    const { body, res, client } = work;
    // What a server elsewhere tells one listener is for that one alone.
    const bus = follow === undefined ? this.#bus : new InMemoryServerEventBus();
    const handler = this.#requests.createListenHandler(bus);
    let ended: Promise<void> | undefined;
    const filter = filterOf(body);
    if (follow !== undefined && filter !== undefined) {
      const followed = await this.#follow(work, (req, gone) => follow(filter, handler.notify, req, gone)).catch(
        asError,
      );
      if (!('ended' in followed)) return answerRefusal(res, followed, idOf(body));
      ended = followed.ended;
    }
    const request = this.#requests.webRequest(work, client.untilClosed);
    const response = await handler.fetch(request, { parsedBody: body });
    // Before it is open it can not be ended: closing its handler would only make that fail.
    this.#listens.add(handler);
    try {
      // The graceful result has its client listen again, to a server that is there.
      void ended?.then(() => handler.close());
      // The drain may have ended the others already.
      if (admission.closedFor === 'draining') await handler.close();
      await writeResponse(response, res, { kind: 'listen', maxBuffer: maxStreamBuffer, registry: streams });
    } finally {
      this.#listens.delete(handler);
    }
  }

  /** Bounds the time until the server elsewhere tells of its changes; nothing of it stays when it takes longer. */
  async #follow(
    { req, client }: ModernWork,
    follow: (req: IncomingMessage, gone: AbortSignal) => Promise<Followed>,
  ): Promise<Followed> {
    const { startLimit } = this.#options;
    const leaving = new AbortController();
    const leave = () => leaving.abort();
    client.untilClosed.addEventListener('abort', leave, { once: true });
    if (client.gone) leave();
    try {
      const late = `The server took longer than ${startLimit} ms to start.`;
      return await within(startLimit, follow(req, leaving.signal), late);
    } catch (error) {
      leave();
      throw error;
    }
  }

  #count(method: string, exchange: ModernExchange): void {
    const { metrics, clock } = this.#options;
    const startedAt = clock();
    metrics.requestStarted('modern');
    exchange.onOver(() => metrics.requestOver('modern', method, (clock() - startedAt) / 1_000));
  }
}

/** What a server elsewhere said against a client; `answer` is the same in the words of HTTP. */
interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly answer?: HttpAnswer | undefined;
}

function asError(error: unknown): Refusal {
  const { code, message, answer } = (error ?? {}) as Readonly<Record<string, unknown>> & Pick<Refusal, 'answer'>;
  return { code: typeof code === 'number' ? code : ErrorCode.internal, message: String(message), answer };
}

function answerRefusal(res: ServerResponse, { answer, ...error }: Refusal, id: RequestId | null): void {
  if (answer === undefined) return answerError(res, 200, error, id);
  if (res.headersSent || res.destroyed) return;
  // An error in it names a request that berth made.
  const isOwn = id !== null && answer.body.includes('"jsonrpc"');
  const { status, headers, body } = isOwn ? answerFor(id, answer) : answer;
  res.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** What a listener asks for, in so far as it can be read; the SDK says what is wrong with the rest. */
function filterOf(body: unknown): ChangesFilter | undefined {
  const filter = (body as { params?: { notifications?: ChangesFilter } }).params?.notifications;
  const uris = filter?.resourceSubscriptions ?? [];
  const valid = Array.isArray(uris) && uris.every((uri) => typeof uri === 'string');
  return typeof filter === 'object' && filter !== null && valid ? filter : undefined;
}
