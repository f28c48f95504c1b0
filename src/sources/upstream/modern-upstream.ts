import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClientContext } from '../raw-server.ts';
import type { Ending, ModernProxy } from '../source.ts';
import { type Discovery, discover, type ModernVerdict } from './discover.ts';
import { badGateway, noAnswer } from './failures.ts';
import { answerHeaders, modernRequestHeaders } from './passed-headers.ts';
import { pour } from './pour.ts';
import { hasPlainEvents, pourEvents } from './pour-events.ts';
import type { UpstreamDoor } from './upstream-door.ts';
import { UpstreamError } from './upstream-error.ts';

export interface ModernUpstreamOptions {
  readonly door: UpstreamDoor;
  /** Told what the upstream says of itself. */
  introduced(serverInfo: NonNullable<Discovery['serverInfo']>): void;
  /** Told of an answer that one who does not speak this era may give as well. */
  doubted?(): void;
  /** Has one that speaks the legacy era say who it is to this client. */
  introduce?(client: ClientContext, gone: AbortSignal): Promise<unknown>;
}

/** Statuses of a server of the legacy era to a request of the modern one, among other things. */
const AS_LEGACY = new Set([400, 404, 405]);

/** The modern era of an upstream that speaks it: every request for itself, passed on as it is. */
export class ModernUpstream implements ModernProxy {
  readonly #options: ModernUpstreamOptions;
  #verdict: ModernVerdict = 'unknown';

  constructor(options: ModernUpstreamOptions) {
    this.#options = options;
  }

  /** One that wants a credential first gets the requests: only its own refusal tells a client what to bring. */
  get available(): boolean {
    return this.#verdict === 'modern' || this.#verdict === 'guarded';
  }

  /** Learns whether the upstream speaks this era; what is not clear now may be at the next time. */
  async learn(authorization?: string): Promise<ModernVerdict> {
    const found = await discover(this.#options.door, authorization === undefined ? {} : { authorization });
    if (found.verdict !== 'unknown') this.#verdict = found.verdict;
    if (found.serverInfo !== undefined) this.#options.introduced(found.serverInfo);
    return found.verdict;
  }

  async greet(client: ClientContext, gone: AbortSignal): Promise<void> {
    await this.#options.introduce?.(client, gone);
  }

  async pass(
    req: IncomingMessage,
    body: string,
    res: ServerResponse,
    gone: AbortSignal,
    ending?: Ending,
  ): Promise<void> {
    let answer: IncomingMessage;
    // An ending gives up only what has no answer yet.
    const cut = new AbortController();
    const giveUp = () => cut.abort();
    gone.addEventListener('abort', giveUp, { once: true });
    ending?.signal.addEventListener('abort', giveUp, { once: true });
    if (gone.aborted) return;
    try {
      answer = await this.#options.door.sendPatiently({
        method: 'POST',
        headers: {
          ...modernRequestHeaders(req.headers, req.socket.remoteAddress),
          // The farewell is plain text.
          ...(ending !== undefined && { 'accept-encoding': 'identity' }),
        },
        body,
        signal: cut.signal,
        // What the request does is not looked at.
        repeatable: false,
      });
    } catch (error) {
      if (!cut.signal.aborted) answerBadGateway(res, error, body);
      return;
    } finally {
      ending?.signal.removeEventListener('abort', giveUp);
    }
    this.#learnFrom(answer, req);
    if (res.destroyed || cut.signal.aborted) return void answer.destroy();
    const status = answer.statusCode ?? 0;
    if (status < 200 || (status > 299 && status < 400) || status > 599) {
      answer.destroy();
      return answerBadGateway(res, new Error(noAnswer(status)), body);
    }
    res.writeHead(status, answerHeaders(answer.headers));
    // The first event may be long in coming.
    res.flushHeaders();
    if (ending !== undefined && hasPlainEvents(answer)) await pourEvents(answer, res, ending);
    else await pour(answer, res);
  }

  /** A credential that the upstream took is what it takes to ask it properly. */
  #learnFrom({ statusCode }: IncomingMessage, { headers: { authorization } }: IncomingMessage): void {
    if (this.#verdict === 'modern' && AS_LEGACY.has(statusCode ?? 0)) this.#options.doubted?.();
    if (this.#verdict !== 'guarded' || statusCode === 401 || statusCode === 403 || authorization === undefined) return;
    void this.learn(authorization);
  }
}

function answerBadGateway(res: ServerResponse, error: unknown, body: string): void {
  if (res.headersSent || res.destroyed) return;
  const why = error instanceof Error ? error.message : String(error);
  const begun = error instanceof UpstreamError && error.kind === 'broken';
  const answer = badGateway(idIn(body), begun ? `${why}. The call may have been carried out.` : why);
  res.writeHead(answer.status, answer.headers).end(answer.body);
}

function idIn(body: string): string | number | null {
  try {
    const id: unknown = (JSON.parse(body) as { readonly id?: unknown } | null)?.id;
    return typeof id === 'string' || typeof id === 'number' ? id : null;
  } catch {
    return null;
  }
}
