export type RequestId = string | number;

export interface JsonRpcRequest {
  readonly jsonrpc: '2.0';
  readonly id: RequestId;
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

export interface JsonRpcNotification {
  readonly jsonrpc: '2.0';
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

export interface JsonRpcResult {
  readonly jsonrpc: '2.0';
  readonly id: RequestId;
  readonly result: Readonly<Record<string, unknown>>;
}

export interface JsonRpcError {
  readonly jsonrpc: '2.0';
  readonly id?: RequestId | null;
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
}

export type JsonRpcResponse = JsonRpcResult | JsonRpcError;
export type JsonRpcMessage = JsonRpcRequest | JsonRpcNotification | JsonRpcResponse;

/** JSON-RPC 2.0 §5.1, and what MCP's SDKs use of the range that is left to servers. */
export const ErrorCode = {
  parse: -32700,
  invalidRequest: -32600,
  internal: -32603,
  server: -32000,
  sessionNotFound: -32001,
  /** Outside of JSON-RPC's reserved range, as MCP 2026-07-28 asks of codes that an application adds. */
  unavailable: 503,
} as const;

export function isRequest(message: JsonRpcMessage): message is JsonRpcRequest {
  return 'method' in message && 'id' in message;
}

export function isNotification(message: JsonRpcMessage): message is JsonRpcNotification {
  return 'method' in message && !('id' in message);
}

export function isResponse(message: JsonRpcMessage): message is JsonRpcResponse {
  return !('method' in message);
}

/** Whether a parsed value is one well-formed JSON-RPC message as MCP uses them: ids are strings or integers. */
export function isMessage(value: unknown): value is JsonRpcMessage {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return false;
  const { id, method, params, result, error } = value;
  if ('method' in value) {
    return typeof method === 'string' && (id === undefined || isId(id)) && (params === undefined || isObject(params));
  }
  if ('result' in value) return isId(id) && isObject(result);
  return isObject(error) && typeof error['code'] === 'number' && (id === undefined || id === null || isId(id));
}

/**
 * Whether it is one that the SDKs take as well. They drop all others in silence, so that whoever sends them one must be
 * told; servers that are not the SDK's may be less strict, and so may their clients.
 */
export function isStrictMessage(value: unknown): value is JsonRpcMessage {
  if (!isMessage(value)) return false;
  const keys = 'method' in value ? CALL_KEYS : 'result' in value ? RESULT_KEYS : ERROR_KEYS;
  if (Object.keys(value).some((key) => !keys.has(key))) return false;
  if ('result' in value) return hasMeta(value.result);
  if (!('method' in value)) return Number.isSafeInteger(value.error.code) && typeof value.error.message === 'string';
  // A request whose params are wrong is answered by whoever reads them; nobody answers a notification.
  return isRequest(value) || value.params === undefined || hasMeta(value.params);
}

/** What a message's params say about it (MCP 2025-11-25 and 2026-07-28, `_meta`). */
export function metaOf(params: JsonRpcRequest['params']): Readonly<Record<string, unknown>> | undefined {
  const meta = params?.['_meta'];
  return typeof meta === 'object' && meta !== null ? (meta as Readonly<Record<string, unknown>>) : undefined;
}

/** The token by which the sender of a request knows its progress, if it wants to (MCP 2025-11-25, progress). */
export function progressTokenOf(params: JsonRpcRequest['params']): unknown {
  return metaOf(params)?.['progressToken'];
}

/** The id that an error answer to this value should carry; `null` when it has none that could be read. */
export function idOf(value: unknown): RequestId | null {
  return isObject(value) && 'method' in value && isId(value['id']) ? value['id'] : null;
}

const CALL_KEYS = new Set(['jsonrpc', 'id', 'method', 'params']);
const RESULT_KEYS = new Set(['jsonrpc', 'id', 'result']);
const ERROR_KEYS = new Set(['jsonrpc', 'id', 'error']);

const hasMeta = (value: Readonly<Record<string, unknown>>) => value['_meta'] === undefined || isObject(value['_meta']);

/** Whether a value can be an id, or a progress token. */
export const isId = (value: unknown): value is RequestId => typeof value === 'string' || Number.isSafeInteger(value);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
