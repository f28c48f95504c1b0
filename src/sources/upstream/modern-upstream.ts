import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ModernProxy } from '../source.ts';
import { type Discovery, discover, type ModernVerdict } from './discover.ts';
import { badGateway } from './failures.ts';
import { answerHeaders, modernRequestHeaders } from './passed-headers.ts';
import { pour } from './pour.ts';
import type { UpstreamDoor } from './upstream-door.ts';
import { UpstreamError } from './upstream-error.ts';

export interface ModernUpstreamOptions {
  readonly door: UpstreamDoor;
  /** Told what the upstream says of itself. */
  introduced(serverInfo: NonNullable<Discovery['serverInfo']>): void;
}

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

  async pass(req: IncomingMessage, body: string, res: ServerResponse, gone: AbortSignal): Promise<void> {
    let answer: IncomingMessage;
    try {
      answer = await this.#options.door.sendPatiently({
        method: 'POST',
        headers: modernRequestHeaders(req.headers, req.socket.remoteAddress),
        body,
        signal: gone,
        // What the request does is not looked at.
        repeatable: false,
      });
    } catch (error) {
      if (!gone.aborted) answerBadGateway(res, error, body);
      return;
    }
    this.#learnFrom(answer, req);
    if (res.destroyed) return void answer.destroy();
    res.writeHead(answer.statusCode ?? 502, answerHeaders(answer.headers));
    // The first event may be long in coming.
    res.flushHeaders();
    await pour(answer, res);
  }

  /** A credential that the upstream took is what it takes to ask it properly. */
  #learnFrom({ statusCode }: IncomingMessage, { headers: { authorization } }: IncomingMessage): void {
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
