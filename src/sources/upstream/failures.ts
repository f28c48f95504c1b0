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
  const status = answer.statusCode ?? 0;
  if (status < 400 || status > 599) return badGateway(id, noAnswer(status));
  if (!SAID_BY_STATUS.has(status)) {
    const own = messagesIn(body).find((message) => isResponse(message) && 'error' in message && message.id === id);
    if (own !== undefined) return own as JsonRpcError;
  }
  const headers: OutgoingHttpHeaders = {};
  for (const name of PASSED) if (answer.headers[name] !== undefined) headers[name] = answer.headers[name];
  return { status, headers, body };
}

/** People's words for a status that is neither an answer nor an error. */
export function noAnswer(status: number): string {
  const what = `The upstream answered with HTTP status ${status}, which is no answer to an MCP request.`;
  const moved = status >= 300 && status < 400;
  return moved ? `${what} Give --upstream the address that it redirects to.` : what;
}

/** Codes of errors that are about a request, in a session that is well. */
const ABOUT_REQUEST = new Set<number>([-32601, -32602, -32603]);
/** Codes that servers give to a session they do not know. */
const ABOUT_SESSION = new Set<number>([-32000, -32001, -32600]);
/** As in "No valid session ID provided", "Session not found" and "Server not initialized". */
const UNKNOWN_SESSION = new RegExp(
  [
    String.raw`\b(?:no|invalid|unknown|missing|expired|terminated)(?: \S+){0,3} (?:mcp[- ])?session(?:[- ]?id)?\b(?!_)`,
    String.raw`\bsession(?:[- ]?id)?\b(?: \S+){0,4} (?:not found|not exist|not valid|unknown|invalid|expired|terminated|closed|required|missing)\b`,
    String.raw`\b(?:server|session)(?: is)? not (?:been )?initialized`,
  ].join('|'),
  'i',
);

/**
 * Whether an answer to a request that names a session says that there is no such session: 404 (MCP 2025-11-25, session
 * management), or as servers built after the SDK's first examples say it, 400 with a word about the session. `id` is that
 * of the request, if it was one: an error to it may have the same status.
 */
export function forgetsSession({ statusCode }: IncomingMessage, body: string, id?: RequestId): boolean {
  if (statusCode !== 404 && statusCode !== 400) return false;
  const errors = messagesIn(body).filter((message) => 'error' in message) as JsonRpcError[];
  const isOwn = (error: JsonRpcError) => id !== undefined && error.id === id;
  if (errors.some((message) => isOwn(message) && ABOUT_REQUEST.has(message.error.code))) return false;
  if (statusCode === 404) return true;
  return errors.some(
    ({ id, error }) => ((id ?? null) === null || ABOUT_SESSION.has(error.code)) && UNKNOWN_SESSION.test(error.message),
  );
}
