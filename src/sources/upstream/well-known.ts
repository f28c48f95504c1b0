import type { IncomingMessage, ServerResponse } from 'node:http';
import { badGateway, noAnswer } from './failures.ts';
import { answerHeaders, modernRequestHeaders } from './passed-headers.ts';
import { readText } from './read-answer.ts';
import type { UpstreamDoor } from './upstream-door.ts';

/** Dots, slashes and percent signs that only show when a path is decoded. */
const HIDDEN = /%(?:2e|2f|5c|25)/i;
const LIMIT_MS = 5_000;
/** Bytes; it is OAuth metadata. */
const MAX_ANSWER = 1024 * 1024;
/** At one time: it is asked for once when somebody signs in, and no slot bounds it. */
const MOST_AT_ONCE = 16;
/** Where berth serves MCP itself. */
const OWN_PATH = '/mcp';

/** Answers `GET /.well-known/…` with what the upstream says there, such as whom to ask for a token (RFC 9728). */
export function createWellKnown(door: UpstreamDoor) {
  let running = 0;
  return async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    if (running === MOST_AT_ONCE) return void res.writeHead(503, { 'retry-after': '1', 'content-length': 0 }).end();
    running++;
    await answer(req, res, door);
    running--;
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, door: UpstreamDoor): Promise<void> {
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.writeHead(405, { allow: 'GET, HEAD', 'content-length': 0 }).end();
    return;
  }
  const path = pathThere(req.url ?? '/', door.url.pathname);
  if (path === undefined) return void res.writeHead(404, { 'content-length': 0 }).end();
  try {
    const found = await door.send({
      method: 'GET',
      path,
      headers: {
        ...modernRequestHeaders(req.headers, req.socket.remoteAddress),
        'accept-encoding': 'identity',
      },
      signal: AbortSignal.timeout(LIMIT_MS),
      repeatable: true,
    });
    const text = await readText(found, MAX_ANSWER);
    const status = found.statusCode ?? 0;
    if (status < 200 || status > 599) throw new Error(noAnswer(status));
    res.writeHead(status, {
      ...answerHeaders(found.headers),
      'content-length': Buffer.byteLength(text),
    });
    res.end(req.method === 'HEAD' ? undefined : text);
  } catch (error) {
    if (res.headersSent || res.destroyed) return;
    const { status, headers, body } = badGateway(null, error instanceof Error ? error.message : String(error));
    res.writeHead(status, headers).end(body);
  }
}

/**
 * Metadata of one resource is found below its path (RFC 9728 §3.1), which is another one at the upstream. `undefined` for
 * what leads out of `/.well-known/`, here or once the upstream has decoded it: nothing else is open to everybody.
 */
function pathThere(target: string, upstreamPath: string): string | undefined {
  const parsed = URL.parse(target, 'http://localhost');
  if (parsed === null || !parsed.pathname.startsWith('/.well-known/') || HIDDEN.test(parsed.pathname)) return undefined;
  const { pathname, search } = parsed;
  const own = pathname.replace(/\/$/, '');
  const isOfResource = own.split('/').length > 3 && own.endsWith(OWN_PATH);
  return (isOfResource ? own.slice(0, -OWN_PATH.length) + upstreamPath : pathname) + search;
}
