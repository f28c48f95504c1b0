import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { TransportName } from '../config/serve-config.ts';
import { answerError, answerJson } from './answers.ts';
import { opensListener } from './classify.ts';
import { type Endpoints, notServed } from './endpoints.ts';

export interface RequestListenerOptions {
  answerProbe(path: string, res: ServerResponse): boolean;
  checkHost(req: IncomingMessage, res: ServerResponse): boolean;
  /** For MCP clients. */
  readonly endpoints: Endpoints;
  /** Answers `/.well-known/…` for a server elsewhere; exempt from admission, like all that leads to signing in. */
  readonly wellKnown: ((req: IncomingMessage, res: ServerResponse) => void) | undefined;
  /** The answer to `GET /`. */
  identity(): Readonly<Record<string, string>>;
  readonly transport: TransportName;
}

/** Every request on the public listener takes this way: probes, host check, then MCP or `/`. */
export function createRequestListener(options: RequestListenerOptions): RequestListener {
  const { answerProbe, checkHost, endpoints, wellKnown, identity, transport } = options;
  return function handleRequest(req, res) {
    const path = pathOf(req);
    if (answerProbe(path, res)) return;
    if (!checkHost(req, res)) return;
    const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const handle = endpoints.get(plain);
    if (handle !== undefined) {
      if (staysOpen(req)) res.shouldKeepAlive = false;
      return handle(req, res);
    }
    if (wellKnown !== undefined && path.startsWith('/.well-known/')) return wellKnown(req, res);
    if (path === '/' && (req.method === 'GET' || req.method === 'HEAD')) return answerJson(res, 200, identity());
    answerError(res, 404, { code: -32000, message: notServed(plain, transport) });
  };
}

/**
 * Whether the answer is a stream without an end of its own. Its socket is not used again: after a drain that ended the
 * stream it would look good to its client, and be closed in the face of the next request.
 */
function staysOpen(req: IncomingMessage): boolean {
  return req.method === 'GET' || opensListener(req);
}

/** The path of a request's target, without its query. */
export function pathOf(req: IncomingMessage): string {
  const { url = '/' } = req;
  const target = url.startsWith('/') || !URL.canParse(url) ? url : new URL(url).pathname;
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}
