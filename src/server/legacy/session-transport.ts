import type { IncomingMessage } from 'node:http';
import { isResponse, type JsonRpcMessage, type RequestId } from '../../protocol/json-rpc.ts';
import { Listened } from '../dispatch.ts';
import { lazyRequest } from '../lazy-request.ts';
import { urlOf } from '../request-url.ts';
import { webHeaders } from '../web-headers.ts';

/** What an incoming message brings along besides itself; v1 reads `requestInfo`, v2 reads `request`. */
export interface MessageContext {
  readonly requestInfo: {
    readonly headers: Readonly<Record<string, string | string[] | undefined>>;
    readonly url: URL;
    readonly remoteAddress?: string | undefined;
  };
  readonly request: Request;
  readonly closeSSEStream?: () => void;
  readonly closeStandaloneSSEStream: () => void;
}

const SENT = Promise.resolve();

/** Where a session's server object sends to. */
export interface Outbound {
  /** `relatedTo`: the client's request that the message belongs to; none for the standalone stream. */
  send(message: JsonRpcMessage, relatedTo: RequestId | undefined): Promise<void> | undefined;
  closedByServer(): void;
}

/** The `Transport` of both SDKs: all that a server object sees of its session. Holds no state of its own. */
export class SessionTransport extends Listened<(message: JsonRpcMessage, context?: MessageContext) => void> {
  readonly sessionId?: string;
  readonly #outbound: Outbound;
  onclose?: () => void;
  onerror?: (error: Error) => void;

  constructor(sessionId: string, outbound: Outbound) {
    super();
    if (sessionId !== '') this.sessionId = sessionId;
    this.#outbound = outbound;
  }

  async start(): Promise<void> {}

  send(message: JsonRpcMessage, options?: { readonly relatedRequestId?: RequestId }): Promise<void> {
    try {
      const taken = this.#outbound.send(message, options?.relatedRequestId);
      // Whoever waits for it keeps what it was made of; the session knows which answers are not taken yet.
      return isResponse(message) ? SENT : (taken ?? SENT);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async close(): Promise<void> {
    this.#outbound.closedByServer();
    this.onclose?.();
  }
}

/**
 * The context of a message that came with `req`; built once for all messages of a POST. Plain data, no getters: V8 keeps
 * those of an object literal with what lives long, and with them all of the request (docs/decisions/0012).
 */
export function messageContext(
  req: IncomingMessage,
  closers: Pick<MessageContext, 'closeSSEStream' | 'closeStandaloneSSEStream'>,
): MessageContext {
  return {
    requestInfo: { headers: req.headers, remoteAddress: req.socket.remoteAddress, url: urlOf(req) },
    request: lazyRequest(() => new Request(urlOf(req), { method: req.method ?? 'POST', headers: webHeaders(req) })),
    ...closers,
  };
}
