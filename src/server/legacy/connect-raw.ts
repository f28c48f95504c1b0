import { isNotification, isRequest, isResponse, type JsonRpcMessage, type RequestId } from '../../protocol/json-rpc.ts';
import type { HttpAnswer, RawServer } from '../../sources/raw-server.ts';
import type { HandlerObserver } from '../watch-handlers.ts';
import { Questions } from './questions.ts';
import type { MessageContext, SessionTransport } from './session-transport.ts';

/** How long a call that was called off counts, unless it is answered before. */
const CANCEL_GRACE_MS = 2_000;

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
  const cancelled = new Map<RequestId, NodeJS.Timeout>();
  const questions = new Questions();
  await server.connect({
    send(message, relatedTo) {
      if (!isResponse(message)) return outbound.send(questions.outgoing(message), relatedTo);
      // The client may use the id again; it does not wait for this answer any more.
      const sent = cancelled.has(message.id as RequestId) ? undefined : outbound.send(message, relatedTo);
      settled(message.id);
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
      for (const requestId of questions.open) {
        void outbound.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } }, undefined);
      }
      outbound.lost(why, received);
    },
  });
  function settled(id: unknown): void {
    if (typeof id !== 'string' && typeof id !== 'number') return;
    clearTimeout(cancelled.get(id));
    cancelled.delete(id);
    begun.delete(id);
    handlers.settled(id);
  }
  /** A server need not answer what was called off, so that a call which it goes on with counts a while longer only. */
  function calledOff(id: unknown): void {
    if ((typeof id !== 'string' && typeof id !== 'number') || !begun.has(id) || cancelled.has(id)) return;
    cancelled.set(id, setTimeout(() => settled(id), CANCEL_GRACE_MS).unref());
  }
  transport.onmessage = (message, context) => {
    // Every message is taken as it is: what the server can not read, it says itself.
    handlers.lookedUp?.();
    if (context !== undefined) contexts.set(message, context);
    if (isRequest(message)) {
      begun.add(message.id);
      handlers.started(message.id);
    }
    const incoming = isResponse(message) ? questions.incoming(message) : message;
    if (incoming !== undefined) server.receive(incoming, context?.requestInfo ?? { headers: {} });
    if (isNotification(message) && message.method === 'notifications/cancelled') {
      calledOff(message.params?.['requestId']);
    }
  };
  return () => {
    for (const id of [...begun]) settled(id);
  };
}
