import type { IncomingMessage, ServerResponse } from 'node:http';
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import {
  ErrorCode,
  isRequest,
  type JsonRpcMessage,
  type JsonRpcRequest,
  type RequestId,
} from '../../protocol/json-rpc.ts';
import { answerError } from '../answers.ts';

/** Characters of `initialize` params: they are kept as long as the session, so that it can be woken with them. */
export const MAX_INITIALIZE = 64 * 1024;

/** Whether the client takes both forms of an answer; answers 406 if not (MCP 2025-11-25, sending messages). */
export function acceptsAnswers(req: IncomingMessage, res: ServerResponse): boolean {
  if (accepts(req, 'application/json') && accepts(req, 'text/event-stream')) return true;
  const message = 'Not acceptable: the client must accept application/json and text/event-stream.';
  answerError(res, 406, { code: ErrorCode.server, message });
  return false;
}

/** Whether the client takes a stream; answers 406 if not. */
export function acceptsStream(req: IncomingMessage, res: ServerResponse): boolean {
  if (accepts(req, 'text/event-stream')) return true;
  answerError(res, 406, {
    code: ErrorCode.server,
    message: 'Not acceptable: the client must accept text/event-stream.',
  });
  return false;
}

/** Whether the version that a request names, if it names one, is known here; answers 400 if not. */
export function knowsVersion(req: IncomingMessage, res: ServerResponse): boolean {
  const version = req.headers['mcp-protocol-version'];
  if (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(String(version))) return true;
  const supported = SUPPORTED_PROTOCOL_VERSIONS.join(', ');
  const message = `Bad request: MCP-Protocol-Version "${version}" is not supported. Supported: ${supported}.`;
  answerError(res, 400, { code: ErrorCode.server, message });
  return false;
}

/** Whether `initialize` is among the messages. */
export function initializeAmong(messages: readonly JsonRpcMessage[]): JsonRpcRequest | undefined {
  return messages.find((message): message is JsonRpcRequest => isRequest(message) && message.method === 'initialize');
}

/** Whether an `initialize` can be served; answers what is wrong with it if not. */
export function canInitialize(
  initialize: JsonRpcRequest,
  messages: readonly JsonRpcMessage[],
  res: ServerResponse,
): boolean {
  if (messages.length > 1) {
    const message = 'initialize must be sent alone.';
    answerError(res, 400, { code: ErrorCode.invalidRequest, message }, initialize.id);
    return false;
  }
  if (JSON.stringify(initialize.params ?? {}).length <= MAX_INITIALIZE) return true;
  const message = `Payload too large: the params of initialize may have ${MAX_INITIALIZE} characters.`;
  answerError(res, 413, { code: ErrorCode.server, message }, initialize.id);
  return false;
}

/** Whether each request has an id of its own; answers 400 if not. `inFlight`: whether one is served with an id already. */
export function idsAreFree(
  messages: readonly JsonRpcMessage[],
  res: ServerResponse,
  inFlight: (id: RequestId) => boolean,
): boolean {
  const requests = messages.filter(isRequest);
  const repeated = requests.find(
    ({ id }, index) => inFlight(id) || requests.findIndex((other) => other.id === id) < index,
  );
  if (repeated === undefined) return true;
  const message = `Request id ${JSON.stringify(repeated.id)} is already in flight.`;
  answerError(res, 400, { code: ErrorCode.invalidRequest, message }, repeated.id);
  return false;
}

/** Characters of messages that may wait for the server object of one session. */
const MAX_BACKLOG = 16 * 1024 * 1024;
/** A message that waits takes more than its text. */
const MESSAGE_COST = 1_024;

/** What a POST with this body adds to the messages that wait for a server object. */
export function backlogOf(body: string): number {
  return body.length + MESSAGE_COST;
}

/** Whether a POST with this body may wait as well; answers 429 if not. What nothing waits before has the limit of bodies. */
export function mayWait(
  { backlog }: { readonly backlog: number },
  body: string,
  id: RequestId | null,
  res: ServerResponse,
): boolean {
  if (backlog === 0 || backlog + backlogOf(body) <= MAX_BACKLOG) return true;
  const message = 'Too many messages wait for the server of this session, which is being started.';
  answerError(res, 429, { code: ErrorCode.server, message }, id, { 'retry-after': '1' });
  return false;
}

function accepts(req: IncomingMessage, type: string): boolean {
  const accept = req.headers.accept ?? '';
  return accept.includes(type) || accept.includes('*/*') || accept.includes(`${type.split('/')[0]}/*`);
}
