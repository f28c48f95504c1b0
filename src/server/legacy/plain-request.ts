import { isRequest, type JsonRpcMessage, type JsonRpcRequest } from '../../protocol/json-rpc.ts';

/** Whether a well-formed message is a request that meets the SDKs' schema beyond doubt: all that is left is its `_meta`. */
export function isPlainRequest(message: JsonRpcMessage): message is JsonRpcRequest {
  if (!isRequest(message)) return false;
  const meta = message.params?.['_meta'];
  if (meta === undefined) return true;
  if (typeof meta !== 'object' || meta === null || Object.keys(meta).length !== 1) return false;
  const { progressToken } = meta as { readonly progressToken?: unknown };
  return typeof progressToken === 'string' || Number.isSafeInteger(progressToken);
}
