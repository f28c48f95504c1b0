import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { answerError, answerJson } from './answers.ts';
import { opensListener } from './classify.ts';
import type { Lifecycle } from './lifecycle.ts';

export interface RequestListenerOptions {
  readonly lifecycle: Lifecycle;
  answerProbe(path: string, res: ServerResponse): boolean;
  checkHost(req: IncomingMessage, res: ServerResponse): boolean;
  readonly mcp: { handle(req: IncomingMessage, res: ServerResponse): void };
  /** The answer to `GET /`. */
  readonly identity: Readonly<Record<string, string>>;
}

/** Every request on the public listener takes this way: probes, host check, then `/mcp` or `/`. */
export function createRequestListener(options: RequestListenerOptions): RequestListener {
  const { lifecycle, answerProbe, checkHost, mcp, identity } = options;
  const unanswered = new Set<ServerResponse>();
  // Sockets that stay open would send their next request to a pod that is gone.
  lifecycle.onLeaving(() => {
    for (const res of unanswered) res.shouldKeepAlive = false;
  });
  return function handleRequest(req, res) {
    const path = pathOf(req);
    if (lifecycle.draining) res.shouldKeepAlive = false;
    else unanswered.add(res.once('close', () => unanswered.delete(res)));
    if (answerProbe(path, res)) return;
    if (!checkHost(req, res)) return;
    if (path === '/mcp' || path === '/mcp/') {
      if (staysOpen(req)) res.shouldKeepAlive = false;
      return mcp.handle(req, res);
    }
    if (path === '/' && (req.method === 'GET' || req.method === 'HEAD')) return answerJson(res, 200, identity);
    answerError(res, 404, { code: -32000, message: `Nothing is served at ${path}. MCP is at /mcp.` });
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
