import type { IncomingMessage } from 'node:http';
import { classifyInboundRequest, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import {
  ErrorCode,
  idOf,
  isRequest,
  isStrictMessage,
  type JsonRpcMessage,
  type JsonRpcRequest,
  metaOf,
  type RequestId,
} from '../protocol/json-rpc.ts';
import { KnownEnvelopes } from './known-envelopes.ts';

/** The body of a POST: which era it belongs to, and for the legacy era its messages. */
export type Classified =
  | { readonly kind: 'legacy'; readonly messages: readonly JsonRpcMessage[]; readonly batch: boolean }
  | {
      readonly kind: 'modern';
      readonly body: unknown;
      readonly method: string | undefined;
      readonly isRequest: boolean;
    }
  | { readonly kind: 'invalid'; readonly code: number; readonly message: string; readonly id: RequestId | null };

const FIRST_MODERN_VERSION = '2026-07-28';
/** Of all clients of this process. */
const SEEN = new KnownEnvelopes();
/** As the SDKs bound it. */
const MAX_BATCH = 100;

/** Whether the headers alone say that this is modern traffic; a client that knows `Mcp-Method` may still speak legacy. */
export function headersAreModern(req: IncomingMessage): boolean {
  const version = req.headers['mcp-protocol-version'];
  if (typeof version === 'string') return /^\d{4}-\d\d-\d\d$/.test(version) && version >= FIRST_MODERN_VERSION;
  return req.headers['mcp-method'] !== undefined;
}

/** Whether the headers say that this opens a listener, whose stream has no end of its own (MCP 2026-07-28, subscriptions). */
export function opensListener(req: IncomingMessage): boolean {
  return req.method === 'POST' && req.headers['mcp-method'] === 'subscriptions/listen' && headersAreModern(req);
}

/** Tells the eras apart, per request, by body and headers; synchronous, so that a slot can be taken with it. */
export function classify(req: IncomingMessage, text: string, seen = SEEN): Classified {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return invalid(ErrorCode.parse, 'Parse error: the request body is not valid JSON.');
  }
  const batch = Array.isArray(body);
  const messages: readonly unknown[] = batch ? (body as unknown[]) : [body];
  if (messages.length > MAX_BATCH) {
    return invalid(ErrorCode.invalidRequest, `A batch may hold ${MAX_BATCH} messages at most. Got ${messages.length}.`);
  }
  // The SDK's classifier parses with schemas; plain legacy traffic can do without.
  const plain =
    !headersAreModern(req) &&
    messages.length > 0 &&
    messages.every((message) => isStrictMessage(message) && !isClaim(message));
  if (plain) return { kind: 'legacy', messages: messages as JsonRpcMessage[], batch };
  if (isSeenClaim(req, body, seen)) return { kind: 'modern', body, method: body.method, isRequest: true };

  const outcome = classifyInboundRequest({
    httpMethod: 'POST',
    protocolVersionHeader: header(req, 'mcp-protocol-version'),
    mcpMethodHeader: header(req, 'mcp-method'),
    mcpNameHeader: header(req, 'mcp-name'),
    body,
  } as Parameters<typeof classifyInboundRequest>[0]);
  if (outcome.kind === 'legacy') {
    if (messages.length > 0 && messages.every(isStrictMessage)) return { kind: 'legacy', messages, batch };
    return invalid(ErrorCode.invalidRequest, 'Invalid request: the body is not a JSON-RPC message.', idOf(body));
  }
  if (outcome.kind === 'modern') {
    const message = outcome.message as JsonRpcMessage;
    const asks = isRequest(message);
    const envelope = asks ? metaOf(message.params) : undefined;
    if (envelope !== undefined) seen.add(envelope);
    return { kind: 'modern', body, method: 'method' in message ? message.method : undefined, isRequest: asks };
  }
  // The modern era's handler gives the answers of that era; what shows no sign of it is simply not a message.
  if (!headersAreModern(req) && !messages.some((message) => isStrictMessage(message) && isClaim(message))) {
    return invalid(ErrorCode.invalidRequest, outcome.message, idOf(body));
  }
  return { kind: 'modern', body, method: undefined, isRequest: false };
}

/** Whether it is a request of the modern era with the headers to it, and nothing that the SDK has not seen before. */
function isSeenClaim({ headers }: IncomingMessage, body: unknown, seen: KnownEnvelopes): body is JsonRpcRequest {
  if (!isStrictMessage(body) || !isRequest(body) || headers['mcp-method'] !== body.method) return false;
  const meta = metaOf(body.params);
  return meta !== undefined && meta[PROTOCOL_VERSION_META_KEY] === headers['mcp-protocol-version'] && seen.has(meta);
}

function isClaim(message: JsonRpcMessage): boolean {
  const meta = 'params' in message ? metaOf(message.params) : undefined;
  return meta !== undefined && PROTOCOL_VERSION_META_KEY in meta;
}

function header(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function invalid(code: number, message: string, id: RequestId | null = null): Classified {
  return { kind: 'invalid', code, message, id };
}
