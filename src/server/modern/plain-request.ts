import type { IncomingMessage } from 'node:http';
import { isJsonContentType, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import { type JsonRpcRequest, metaOf } from '../../protocol/json-rpc.ts';
import { MODERN_VERSION } from '../../sources/bridge/discover-request.ts';

/** Which of a method's params its `Mcp-Name` header repeats (MCP 2026-07-28, standard request headers). */
const NAMED_BY: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};
/** What a value that is written in Base64 begins with. */
const ENCODED = '=?';

/**
 * Whether the headers of a classified request say beyond doubt what its body says, so that none of the SDK's checks of
 * them can fail. A request that is not plain may be right all the same; that is for the SDK to judge.
 */
export function isPlain({ headers }: IncomingMessage, { method, params }: JsonRpcRequest): boolean {
  // One stays open, and the other needs a handler that the SDK installs.
  if (method === 'subscriptions/listen' || method === 'server/discover') return false;
  const type = headers['content-type'];
  if (type !== 'application/json' && !isJsonContentType(type ?? null)) return false;
  if (headers['mcp-protocol-version'] !== MODERN_VERSION || headers['mcp-method'] !== method) return false;
  if (metaOf(params)?.[PROTOCOL_VERSION_META_KEY] !== MODERN_VERSION) return false;
  const field = Object.hasOwn(NAMED_BY, method) ? NAMED_BY[method] : undefined;
  if (field === undefined) return true;
  const name = params?.[field];
  return typeof name === 'string' && headers['mcp-name'] === name && !name.startsWith(ENCODED);
}
