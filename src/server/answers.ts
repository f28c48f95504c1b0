import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ErrorCode, type RequestId } from '../protocol/json-rpc.ts';

/** A reader that takes nothing for so long is gone, whatever its socket says. */
export const STALL_MS = 30_000;
/** A long answer has to be taken at this rate, in bytes a second, or it is cut: else a trickle would keep it forever. */
export const LEAST_RATE = 16 * 1024;
/** What a kernel's socket buffer takes at once on any system; a longer answer may have to wait for its reader. */
export const BUFFERED_BYTES = 16 * 1024;

/**
 * Answers with JSON text. The promise, if there is one, ends when the client has taken a long answer, or is gone: until
 * then the answer costs memory.
 */
export function answerText(
  res: ServerResponse,
  status: number,
  text: string,
  headers?: OutgoingHttpHeaders,
): Promise<void> | undefined {
  if (res.headersSent || res.destroyed) return undefined;
  const length = Buffer.byteLength(text);
  const own = { 'content-type': 'application/json', 'content-length': length };
  res.writeHead(status, headers === undefined ? own : { ...headers, ...own });
  if (length <= BUFFERED_BYTES) {
    res.end(text);
    return undefined;
  }
  // Node ends the socket when this passes without a byte moved.
  res.setTimeout(STALL_MS);
  const late = setTimeout(() => res.destroy(), STALL_MS + (length / LEAST_RATE) * 1_000).unref();
  // Of a string the socket would keep a copy beside it.
  res.end(Buffer.from(text));
  return new Promise((resolve) => {
    res.once('close', () => {
      clearTimeout(late);
      resolve();
    });
  });
}

/** Answers with a JSON body; does nothing when the client has gone or was answered already. */
export function answerJson(res: ServerResponse, status: number, body: unknown, headers?: OutgoingHttpHeaders): void {
  void answerText(res, status, JSON.stringify(body), headers);
}

/** Answers with a JSON-RPC error, as the MCP endpoint does for whatever it can not serve. */
export function answerError(
  res: ServerResponse,
  status: number,
  { code, message, data }: { readonly code: number; readonly message: string; readonly data?: unknown },
  id: RequestId | null = null,
  headers?: OutgoingHttpHeaders,
): void {
  answerJson(res, status, { jsonrpc: '2.0', error: { code, message, data }, id }, headers);
}

/** Answers 404 to who names a session that is not here: its client opens another (MCP 2025-11-25, session management). */
export function answerSessionNotFound(res: ServerResponse): void {
  answerError(res, 404, { code: ErrorCode.sessionNotFound, message: 'Session not found' });
}

/** Answers what a browser asks before it sends a request to another origin. */
export function answerPreflight({ headers }: IncomingMessage, res: ServerResponse, methods: string): void {
  answerEmpty(res, 204, {
    'access-control-allow-methods': methods,
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '*',
    'access-control-max-age': '86400',
  });
}

/** Answers without a body. */
export function answerEmpty(res: ServerResponse, status: number, headers?: OutgoingHttpHeaders): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, status === 204 ? headers : { ...headers, 'content-length': 0 });
  res.end();
}
