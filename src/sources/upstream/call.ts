import type { JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { ClientContext, ClientMessage } from '../raw-server.ts';

/** A request of the client's, until its answer is over. */
export interface Call extends ClientMessage {
  readonly message: JsonRpcRequest;
  /** Ends it. */
  readonly cut: AbortController;
  /** Resolves when it is known whether the upstream has begun with it. */
  readonly decided: PromiseWithResolvers<void>;
  /** The upstream may have seen it. */
  sent: boolean;
  answered: boolean;
  /** Ends what is still open of it after its response. */
  ending?: NodeJS.Timeout;
}

/** A call that nobody has seen yet. */
export function createCall(message: JsonRpcRequest, context: ClientContext): Call {
  return {
    message,
    context,
    cut: new AbortController(),
    decided: Promise.withResolvers(),
    sent: false,
    answered: false,
  };
}
