import { type MessageExtraInfo, SdkError, SdkErrorCode, type Server } from '@modelcontextprotocol/server';
import { Delivery } from './delivery.ts';

/** The parts of a handler's context that matter here. */
interface Context {
  readonly mcpReq: { notify(...args: never[]): Promise<unknown>; send(...args: never[]): Promise<unknown> };
  http?: { readonly req?: Request };
}

type BuildContext = (context: Context, extra: MessageExtraInfo | undefined) => Context;

const prepared = new WeakSet<Server>();

/**
 * Has a server object give its handlers the web request of their `Delivery`, and a context that falls silent when their
 * exchange is over: the SDK's speaks over whatever transport the object has by then, which may be another client's.
 */
export function prepareContexts(server: Server): void {
  if (prepared.has(server)) return;
  const hooks = server as unknown as { buildContext?: BuildContext };
  const { buildContext } = hooks;
  if (typeof buildContext !== 'function') {
    throw new TypeError('The server object builds its contexts elsewhere: this version of its SDK is not supported.');
  }
  prepared.add(server);
  hooks.buildContext = (base, extra) => {
    const context = buildContext.call(server, silentAfterExchange(base, server), extra);
    if (extra instanceof Delivery && context.http?.req === extra.request) {
      context.http = withRealRequest(context.http, extra);
    }
    return context;
  };
}

/**
 * The same object but for its `req`, which is built when it is looked at. A getter of its own would give each object a
 * hidden class of its own, which V8 keeps, with all that the getter holds, until a full collection.
 */
function withRealRequest<T extends object>(http: T, delivery: Delivery): T {
  return new Proxy(http, {
    get: (target, key) => (key === 'req' ? delivery.webRequest : Reflect.get(target, key)),
  });
}

/** A copy, since overwriting the SDK's functions makes V8 keep each context until a full collection. */
function silentAfterExchange(context: Context, server: Server): Context {
  const { transport } = server;
  const { mcpReq } = context;
  const isOver = () => server.transport !== transport;
  const notConnected = () => Promise.reject(new SdkError(SdkErrorCode.NotConnected, 'Not connected'));
  return {
    ...context,
    mcpReq: {
      ...mcpReq,
      notify: (...args) => (isOver() ? notConnected() : mcpReq.notify(...args)),
      send: (...args) => (isOver() ? notConnected() : mcpReq.send(...args)),
    },
  };
}
