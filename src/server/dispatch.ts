import type { JsonRpcRequest } from '../protocol/json-rpc.ts';
import type { AnyMcpServer } from '../sources/define-server.ts';

/** A transport that knows how often somebody began to listen. Nothing is private: what is listened to may be a Proxy of it. */
export class Listened<Listener> {
  listened = 0;
  listener: Listener | undefined;

  get onmessage(): Listener | undefined {
    return this.listener;
  }

  set onmessage(listener: Listener | undefined) {
    this.listened++;
    this.listener = listener;
  }
}

/** The part of both SDKs' `Protocol` that takes messages. */
interface Receiver<Context> {
  readonly _transport?: unknown;
  _onrequest?(request: JsonRpcRequest, context: Context): void;
}

/**
 * Hands a request that meets the SDKs' schema to a connected server object where their listener would pass it, past two
 * schemas that it can not match, whose errors cost more than the call. Answers false, and has done nothing, when somebody
 * else listens as well, such as tracing or a transport around this one: who does must hear everything.
 */
export function dispatch<Context>(
  server: AnyMcpServer,
  transport: Listened<unknown>,
  request: JsonRpcRequest,
  context: Context,
): boolean {
  const protocol = ('server' in server ? server.server : server) as unknown as Receiver<Context>;
  if (protocol._transport !== transport || transport.listened !== 1 || protocol._onrequest === undefined) return false;
  protocol._onrequest(request, context);
  return true;
}
