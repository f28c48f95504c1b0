import { isNotification, isRequest, isResponse, type JsonRpcMessage, type RequestId } from '../../protocol/json-rpc.ts';
import type { HttpAnswer, RawServer } from '../../sources/raw-server.ts';
import type { HandlerObserver } from '../watch-handlers.ts';
import type { MessageContext, SessionTransport } from './session-transport.ts';

/** A client's message with all that came with it. */
export interface Received {
  readonly message: JsonRpcMessage;
  readonly context: MessageContext;
}

/** What a raw server says to its session. */
export interface RawOutbound {
  send(message: JsonRpcMessage, relatedTo: RequestId | undefined): Promise<void> | undefined;
  /** Answers a request in the words of HTTP. */
  answer(id: RequestId, answer: HttpAnswer): void;
  /** The server is lost: calls fail with `why`, but for those that it had not begun. */
  lost(why: string, notBegun: readonly Received[]): void;
}

/**
 * Connects a server that another process runs to a session's transport, and reports its calls as handlers. Answers what
 * to call when the server is gone: what it had begun is over then.
 */
export async function connectRaw(
  server: RawServer,
  transport: SessionTransport,
  handlers: HandlerObserver,
  outbound: RawOutbound,
): Promise<() => void> {
  const contexts = new WeakMap<JsonRpcMessage, MessageContext>();
  const begun = new Set<RequestId>();
  await server.connect({
    send(message, relatedTo) {
      const sent = outbound.send(message, relatedTo);
      if (isResponse(message)) settled(message.id);
      return sent;
    },
    answer(id, answer) {
      outbound.answer(id, answer);
      settled(id);
    },
    lost(why, notBegun = []) {
      const received = notBegun.flatMap(({ message }) => {
        const context = contexts.get(message);
        return context === undefined ? [] : [{ message, context }];
      });
      outbound.lost(why, received);
    },
  });
  function settled(id: unknown): void {
    if (typeof id !== 'string' && typeof id !== 'number') return;
    begun.delete(id);
    handlers.settled(id);
  }
  transport.onmessage = (message, context) => {
    // Every message is taken as it is: what the server can not read, it says itself.
    handlers.lookedUp?.();
    if (context !== undefined) contexts.set(message, context);
    if (isRequest(message)) {
      begun.add(message.id);
      handlers.started(message.id);
    }
    server.receive(message, context?.requestInfo ?? { headers: {} });
    // A server that is told of it need not answer any more (MCP 2025-11-25, cancellation).
    if (isNotification(message) && message.method === 'notifications/cancelled') settled(message.params?.['requestId']);
  };
  return () => {
    for (const id of [...begun]) settled(id);
  };
}
