import type { IncomingMessage } from 'node:http';
import type { JsonRpcMessage } from '../../protocol/json-rpc.ts';
import { EventReader } from './event-reader.ts';
import { messagesIn } from './read-answer.ts';

const RETRY_MS = 1_000;
/** A server may ask for a longer wait than anybody wants. */
const LONGEST_RETRY_MS = 30_000;
/** An id goes back in a header: without control characters, and no longer than servers take. */
const SENDABLE_ID = /^[\t\P{Cc}]{0,2048}$/u;

/** How far a stream of events was read, over all the connections that it takes. */
export interface Position {
  /** Where to go on from; `undefined` when the stream can not be resumed. */
  lastEventId: string | undefined;
  /** Milliseconds to wait before that. */
  retry: number;
}

export function startOfStream(): Position {
  return { lastEventId: undefined, retry: RETRY_MS };
}

export interface ReadEventsOptions {
  /** Moved forward with every event. */
  readonly position: Position;
  /** Bytes that a message may have. */
  readonly maxMessage: number;
  /** Takes a message; nothing more is read before its promise ends. */
  deliver(message: JsonRpcMessage): Promise<void> | undefined;
  /** Told of an event that holds no message. */
  unreadable(): void;
}

/** Reads a stream to its end, no faster than its messages are taken. Rejects when it breaks, with `MessageTooLong` too. */
export async function readEvents(answer: IncomingMessage, options: ReadEventsOptions): Promise<void> {
  const { position, maxMessage, deliver, unreadable } = options;
  const reader = new EventReader(maxMessage);
  const moveOn = () => {
    const { lastEventId, retry } = reader;
    // After an event whose id can not be sent there is no going on: one before it would bring it again.
    if (lastEventId !== undefined) position.lastEventId = SENDABLE_ID.test(lastEventId) ? lastEventId : undefined;
    if (retry !== undefined) position.retry = Math.min(retry, LONGEST_RETRY_MS);
  };
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    for (const event of reader.push(chunk)) {
      // Empty events give a client a place to resume from (MCP 2025-11-25, SEP-1699).
      const messages = event.data === '' || event.type !== 'message' ? [] : messagesIn(event.data);
      if (messages.length === 0 && event.data !== '') unreadable();
      for (const message of messages) {
        const taken = deliver(message);
        if (taken !== undefined) await taken;
      }
      moveOn();
    }
    moveOn();
  }
}
