import type { AnyMcpServer } from '../sources/define-server.ts';
import type { RequestId } from './json-rpc.ts';

/** Told when the handler of a request starts, and when it has settled, whichever way. */
export interface HandlerObserver {
  started(id: RequestId): void;
  settled(id: RequestId): void;
}

type Handler = (request: { readonly id: RequestId }, context: unknown) => unknown;

/** The part of both SDKs' `Protocol` that dispatches requests. */
interface Dispatcher {
  _requestHandlers?: Map<string, Handler>;
  fallbackRequestHandler?: Handler;
}

/**
 * Reports every handler of a server object from start to settling. Neither SDK tells when the handler of a cancelled
 * request ends, and a slot must not be free before its work is. The lookup is wrapped rather than the handlers, so that
 * those registered later are seen as well.
 */
export function watchHandlers(server: AnyMcpServer, observer: HandlerObserver): void {
  const protocol = ('server' in server ? server.server : server) as unknown as Dispatcher;
  const handlers = protocol._requestHandlers;
  if (!(handlers instanceof Map)) {
    throw new TypeError(
      'The server object keeps its request handlers elsewhere: this version of its SDK is not supported.',
    );
  }
  const find = handlers.get.bind(handlers);
  handlers.get = (method) => {
    const handler = find(method) ?? protocol.fallbackRequestHandler;
    return handler && observed(handler, observer);
  };
}

function observed(handler: Handler, observer: HandlerObserver): Handler {
  return async (request, context) => {
    observer.started(request.id);
    try {
      return await handler(request, context);
    } finally {
      observer.settled(request.id);
    }
  };
}
