import { isRequest, type JsonRpcMessage, type JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { AnyMcpServer } from '../../sources/define-server.ts';
import type { MessageContext, SessionTransport } from './session-transport.ts';

/** The part of both SDKs' `Protocol` that takes messages. */
interface Receiver {
  readonly _transport?: unknown;
  _onrequest?(request: JsonRpcRequest, context: MessageContext): void;
}

/**
 * Hands a connected server object its messages. A request goes where the SDKs' listener passes it, past two schemas that
 * it can not match and one that it does, which cost more than the call; but only while nobody else listens, as tracing or
 * a transport around ours does: who does must hear everything.
 */
export function receiverOf(server: AnyMcpServer, transport: SessionTransport) {
  const protocol = ('server' in server ? server.server : server) as unknown as Receiver;
  return (message: JsonRpcMessage, context: MessageContext): void => {
    const alone = protocol._transport === transport && transport.listened === 1;
    if (alone && protocol._onrequest !== undefined && isPlainRequest(message)) protocol._onrequest(message, context);
    else transport.onmessage?.(message, context);
  };
}

/** Whether a well-formed message is a request that meets the SDKs' schema beyond doubt: all that is left is its `_meta`. */
function isPlainRequest(message: JsonRpcMessage): message is JsonRpcRequest {
  if (!isRequest(message)) return false;
  const meta = message.params?.['_meta'];
  if (meta === undefined) return true;
  if (typeof meta !== 'object' || meta === null || Object.keys(meta).length !== 1) return false;
  const { progressToken } = meta as { readonly progressToken?: unknown };
  return typeof progressToken === 'string' || Number.isSafeInteger(progressToken);
}
