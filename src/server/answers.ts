import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { RequestId } from './json-rpc.ts';

/** Answers with a JSON body; does nothing when the client has gone or was answered already. */
export function answerJson(res: ServerResponse, status: number, body: unknown, headers?: OutgoingHttpHeaders): void {
  if (res.headersSent || res.destroyed) return;
  const text = JSON.stringify(body);
  res.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  res.end(text);
}

/** Answers with a JSON-RPC error, as the MCP endpoint does for whatever it can not serve. */
export function answerError(
  res: ServerResponse,
  status: number,
  error: { readonly code: number; readonly message: string; readonly data?: unknown },
  id: RequestId | null = null,
  headers?: OutgoingHttpHeaders,
): void {
  answerJson(res, status, { jsonrpc: '2.0', error, id }, headers);
}

/** Answers without a body. */
export function answerEmpty(res: ServerResponse, status: number, headers?: OutgoingHttpHeaders): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, status === 204 ? headers : { ...headers, 'content-length': 0 });
  res.end();
}
