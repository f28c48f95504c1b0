import type { RequestId } from '../protocol/json-rpc.ts';
import type { AnyMcpServer } from '../sources/define-server.ts';

/** Told when a handler is looked for, when that of a request starts, and when it has settled, whichever way. */
export interface HandlerObserver {
  lookedUp?(): void;
  started(id: RequestId): void;
  settled(id: RequestId): void;
}

export interface WatchOptions {
  /** Turns a result that is no JSON into an error, where whoever sends it would never answer. */
  readonly serializable?: boolean;
}

type Handler = (request: { readonly id: RequestId }, context: unknown) => unknown;

/** The lookup of a map before it was wrapped; kept with the map, which a server object of one request takes along. */
const ORIGINAL = Symbol('the lookup that was wrapped');

interface Handlers extends Map<string, Handler> {
  [ORIGINAL]?: (method: string) => Handler | undefined;
}

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
export function watchHandlers(server: AnyMcpServer, observer: HandlerObserver, options: WatchOptions = {}): void {
  const protocol = ('server' in server ? server.server : server) as unknown as Dispatcher;
  const handlers: Handlers | undefined = protocol._requestHandlers;
  if (!(handlers instanceof Map)) {
    throw new TypeError(
      'The server object keeps its request handlers elsewhere: this version of its SDK is not supported.',
    );
  }
  // A module that serves one object to one client after another has its lookup wrapped once.
  const find = handlers[ORIGINAL] ?? handlers.get.bind(handlers);
  handlers[ORIGINAL] = find;
  handlers.get = (method) => {
    observer.lookedUp?.();
    const handler = find(method) ?? protocol.fallbackRequestHandler;
    return handler && observed(handler, observer, options);
  };
}

function observed(handler: Handler, observer: HandlerObserver, { serializable = false }: WatchOptions): Handler {
  return async (request, context) => {
    observer.started(request.id);
    try {
      const result = await handler(request, context);
      if (serializable) JSON.stringify(result);
      return result;
    } catch (error) {
      throw asError(error, serializable);
    } finally {
      observer.settled(request.id);
    }
  };
}

/** The SDKs read `code` and `message` of what a handler throws, and never answer when there is nothing to read. */
function asError(thrown: unknown, serializable: boolean): unknown {
  const { message, data } = (thrown ?? {}) as { readonly message?: unknown; readonly data?: unknown };
  return typeof message === 'string' && (!serializable || isJson(data)) ? thrown : new Error('Internal error');
}

function isJson(value: unknown): boolean {
  try {
    JSON.stringify(value);
    return true;
  } catch {
    return false;
  }
}
