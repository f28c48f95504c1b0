import { type IncomingMessage, ServerResponse } from 'node:http';

/**
 * Responses that close their connection once `leaving` says so, whenever their head is written: a client whose socket
 * stayed open would send its next request to a pod that is gone.
 */
export function responsesOf(leaving: () => boolean): typeof ServerResponse {
  return class<R extends IncomingMessage> extends ServerResponse<R> {
    override writeHead(status: number, ...rest: unknown[]): this {
      if (leaving()) this.shouldKeepAlive = false;
      return super.writeHead(status, ...(rest as []));
    }
  };
}
