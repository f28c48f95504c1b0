import type { ServerResponse } from 'node:http';
import { ErrorCode, type JsonRpcRequest, metaOf } from '../../protocol/json-rpc.ts';
import { MODERN_VERSION } from '../../sources/bridge/discover-request.ts';
import { answerEmpty, answerError, answerText } from '../answers.ts';
import { EventStream, type StreamRegistry } from '../event-stream.ts';
import { introduce, type ModernProduct, serverOf } from './client-identity.ts';
import { Delivery } from './delivery.ts';
import type { Departure } from './departure.ts';
import { type Answer, ExchangeTransport } from './exchange-transport.ts';
import { prepareContexts } from './handler-context.ts';
import type { ModernExchange } from './modern-exchange.ts';

export interface DirectOptions {
  readonly streams: StreamRegistry;
  readonly maxStreamBuffer: number;
  /** Told what the SDK tells its `onerror`. */
  reported(error: unknown): void;
}

/** What one request is served with. */
export interface DirectExchange {
  readonly request: JsonRpcRequest;
  readonly res: ServerResponse;
  readonly client: Departure;
  readonly exchange: ModernExchange;
  /** The web request, should a handler want it. */
  webRequest(): Request;
}

/** The status of an answer that the server object did not want to give. */
const CLOSED_BY_SERVER = 499;

/**
 * Has a server object answer a plain request, as the last steps of the SDK's handler do; resolves when the object is free
 * and a slow reader has taken a long answer.
 */
export async function serveDirectly(
  product: ModernProduct,
  { request, res, client, exchange, webRequest }: DirectExchange,
  { streams, maxStreamBuffer, reported }: DirectOptions,
): Promise<void> {
  const server = serverOf(product);
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let stream: EventStream | undefined;
  let taken: Promise<void> | undefined;
  const answer: Answer = {
    json(status, text) {
      taken = answerText(res, status, text);
    },
    message(text) {
      if (res.destroyed) return undefined;
      stream ??= new EventStream(res, { kind: 'request', maxBuffer: maxStreamBuffer, registry: streams });
      // Whoever does not read keeps the slot: what waits for a reader costs memory.
      taken = stream.message(text);
      return taken;
    },
    end() {
      stream?.end();
    },
    failed(error) {
      exchange.spoil();
      reported(error);
    },
    closed(answered) {
      if (!answered) {
        exchange.spoil();
        answerEmpty(res, CLOSED_BY_SERVER);
      }
      resolve(taken);
    },
  };
  const transport = new ExchangeTransport(request, answer);
  try {
    introduce(server, MODERN_VERSION, metaOf(request.params) ?? {});
    prepareContexts(server);
    await product.connect(transport);
    client.onGone(() => {
      exchange.spoil();
      void transport.close();
    });
    if (client.gone) await transport.close();
    else transport.deliver(server, new Delivery(webRequest));
    await over;
  } catch (error) {
    exchange.spoil();
    reported(error);
    answerInternalError(res, request);
    await server.close().catch(reported);
  }
}

/** What the SDK's handler says when it can not serve a request. */
export function answerInternalError(res: ServerResponse, { id }: JsonRpcRequest): void {
  answerError(res, 500, { code: ErrorCode.internal, message: 'Internal server error' }, id);
}
