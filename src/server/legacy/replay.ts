import type { EventStream } from '../event-stream.ts';
import { eventId, type Position } from './event-log.ts';

/** How soon a client that lost a stream comes back for the rest of it. */
export const RESUME_AFTER_MS = 1_000;

/** Sends again what a reader missed, under the ids it had; what is said meanwhile comes after it. */
export function replay(stream: EventStream, { missed }: Position): void {
  for (const event of missed) void stream.queue(event.data, eventId(event.stream, event.sequence));
}
