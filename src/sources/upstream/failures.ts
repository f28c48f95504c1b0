import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { ErrorCode, isResponse, type JsonRpcError, type RequestId } from '../../protocol/json-rpc.ts';
import type { HttpAnswer } from '../raw-server.ts';
import { messagesIn } from './read-answer.ts';

/** Bytes of an answer's text that are passed on with a status. */
export const MAX_FAILURE_BODY = 64 * 1024;

const PASSED = ['www-authenticate', 'retry-after', 'content-type'] as const;
/** What is said in the words of HTTP, and heard by clients that way: authorization, and overload of the upstream's own. */
const SAID_BY_STATUS = new Set([401, 403, 429, 503]);

/** A JSON-RPC error as the answer to a request. */
export function errorAnswer(id: RequestId, message: string, code: number = ErrorCode.server): JsonRpcError {
  return { jsonrpc: '2.0', id, error: { code, message } };
}

/** What a client gets while the upstream can not be reached: 502, so that it is not taken for a server at its limit. */
export function badGateway(id: RequestId | null, message: string): HttpAnswer {
  const body = JSON.stringify({ jsonrpc: '2.0', id, error: { code: ErrorCode.server, message } });
  return { status: 502, headers: { 'content-type': 'application/json' }, body };
}

/** What a client gets for an answer that is not a success: the upstream's own error to this request, or its status. */
export function failureOf(id: RequestId, answer: IncomingMessage, body: string): JsonRpcError | HttpAnswer {
  const status = answer.statusCode ?? 502;
  if (!SAID_BY_STATUS.has(status)) {
    const own = messagesIn(body).find((message) => isResponse(message) && 'error' in message && message.id === id);
    if (own !== undefined) return own as JsonRpcError;
  }
  const headers: OutgoingHttpHeaders = {};
  for (const name of PASSED) if (answer.headers[name] !== undefined) headers[name] = answer.headers[name];
  return { status, headers, body };
}

/**
 * Whether an answer to a request that names a session says that there is no such session: 404 (MCP 2025-11-25, session
 * management), or as servers built after the SDK's first examples say it, 400 with a word about the session.
 */
export function forgetsSession({ statusCode }: IncomingMessage, body: string): boolean {
  if (statusCode === 404) return true;
  if (statusCode !== 400) return false;
  return messagesIn(body).some(
    (message) => 'error' in message && /session|not initialized/i.test(String(message.error.message)),
  );
}
