import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** A reader that takes nothing for so long is gone, whatever its socket says. */
const STALL_MS = 30_000;

/**
 * Passes an answer on byte for byte, no faster than the client reads. Resolves when that is over: an answer that breaks
 * breaks for the client too, and a client that goes ends the answer.
 */
export async function pour(answer: IncomingMessage, res: ServerResponse): Promise<void> {
  const unwatch = watchReader(res);
  try {
    await pipeline(answer, res);
  } catch {
    // Both ends are gone, and there is nobody left to tell.
  } finally {
    unwatch();
  }
}

/** Ends an answer whose reader has stopped reading; the function ends the watch. */
export function watchReader(res: ServerResponse): () => void {
  let before = -1;
  const watch = setInterval(() => {
    const now = res.socket?.bytesWritten ?? 0;
    // Only where something waits for the reader: a stream may be quiet for as long as it likes.
    if (res.writableNeedDrain && now === before) res.destroy();
    before = now;
  }, STALL_MS).unref();
  return () => clearInterval(watch);
}
