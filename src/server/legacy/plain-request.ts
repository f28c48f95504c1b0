import { isRequest, type JsonRpcMessage, type JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { AnyMcpServer } from '../../sources/define-server.ts';
import type { MessageContext } from './session-transport.ts';

type OnRequest = (request: JsonRpcRequest, context: MessageContext) => void;

/**
 * Where the SDKs' own listener passes a request on to, after two schemas that a request can not match and one that it
 * does, which cost more than the call; `undefined` where this version of the SDK has no such place.
 */
export function requestHandlerOf(server: AnyMcpServer): OnRequest | undefined {
  const protocol = ('server' in server ? server.server : server) as unknown as { _onrequest?: OnRequest };
  if (typeof protocol._onrequest !== 'function') return undefined;
  return (request, context) => protocol._onrequest?.(request, context);
}

/** Whether a well-formed message is a request that meets the SDKs' schema beyond doubt: all that is left is its `_meta`. */
export function isPlainRequest(message: JsonRpcMessage): message is JsonRpcRequest {
  if (!isRequest(message)) return false;
  const meta = message.params?.['_meta'];
  if (meta === undefined) return true;
  if (typeof meta !== 'object' || meta === null || Object.keys(meta).length !== 1) return false;
  const { progressToken } = meta as { readonly progressToken?: unknown };
  return typeof progressToken === 'string' || Number.isSafeInteger(progressToken);
}
