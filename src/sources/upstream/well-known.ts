import type { IncomingMessage, ServerResponse } from 'node:http';
import { badGateway } from './failures.ts';
import { answerHeaders, modernRequestHeaders } from './passed-headers.ts';
import { readText } from './read-answer.ts';
import type { UpstreamDoor } from './upstream-door.ts';

const LIMIT_MS = 5_000;
/** Bytes; it is OAuth metadata. */
const MAX_ANSWER = 1024 * 1024;
/** Where berth serves MCP itself. */
const OWN_PATH = '/mcp';

/** Answers `GET /.well-known/…` with what the upstream says there, such as whom to ask for a token (RFC 9728). */
export function createWellKnown(door: UpstreamDoor) {
  return (req: IncomingMessage, res: ServerResponse): void => void answer(req, res, door);
}

async function answer(req: IncomingMessage, res: ServerResponse, door: UpstreamDoor): Promise<void> {
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.writeHead(405, { allow: 'GET, HEAD', 'content-length': 0 }).end();
    return;
  }
  try {
    const found = await door.send({
      method: 'GET',
      path: pathThere(req.url ?? '/', door.url.pathname),
      headers: {
        ...modernRequestHeaders(req.headers, req.socket.remoteAddress),
        'accept-encoding': 'identity',
      },
      signal: AbortSignal.timeout(LIMIT_MS),
      repeatable: true,
    });
    const text = await readText(found, MAX_ANSWER);
    res.writeHead(found.statusCode ?? 502, {
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

/** Metadata of one resource is found below its path (RFC 9728 §3.1), which is another one at the upstream. */
function pathThere(target: string, upstreamPath: string): string {
  const { pathname, search } = new URL(target, 'http://localhost');
  const own = pathname.replace(/\/$/, '');
  const isOfResource = own.split('/').length > 3 && own.endsWith(OWN_PATH);
  return (isOfResource ? own.slice(0, -OWN_PATH.length) + upstreamPath : pathname) + search;
}
