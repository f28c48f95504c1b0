import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Ending } from '../source.ts';
import { watchReader } from './pour.ts';
import { kindOf } from './read-answer.ts';

/** Time for an event that is on its way to come whole; a drain gives the last answers 500 ms to reach their clients. */
const WHOLE_MS = 250;
/** A blank line, after the end of the line before it (HTML, server-sent events, §9.2.5). */
const END_OF_EVENT = /\n\n|\n\r\n?|\r\r\n?/g;
const AT_END_OF_EVENT = new RegExp(`(?:${END_OF_EVENT.source})$`);
/** Bytes that the end of an event may have. */
const LONGEST_END = 3;

/** Whether an answer's events can be told apart as they pass. */
export function hasPlainEvents(answer: IncomingMessage): boolean {
  const { 'content-encoding': encoding = 'identity', 'content-length': length } = answer.headers;
  return kindOf(answer) === 'events' && encoding === 'identity' && length === undefined;
}

/**
 * Passes events on byte for byte, no faster than the client reads, until they end by themselves or there is an end to be
 * put to them: then it waits for the event that is on its way, if there is one, and says farewell. Resolves when the
 * client has all of it, or is gone.
 */
export async function pourEvents(
  answer: IncomingMessage,
  res: ServerResponse,
  { signal, farewell }: Ending,
): Promise<void> {
  const over = new Promise((resolve) => res.once('close', resolve));
  const unwatch = watchReader(res);
  let late: NodeJS.Timeout | undefined;
  // The last bytes that went out.
  let tail = '';
  const finish = (last: string | Uint8Array) => {
    res.end(last);
    answer.destroy();
  };
  const end = () => {
    if (res.writableEnded) return;
    if (tail === '' || AT_END_OF_EVENT.test(tail)) return finish(farewell);
    // Half an event can not be followed by anything: its reader drops it.
    late = setTimeout(() => finish(''), WHOLE_MS);
  };
  answer.on('data', (chunk: Buffer) => {
    const rest = signal.aborted ? endOfEvent(tail, chunk) : undefined;
    if (rest !== undefined) return finish(Buffer.concat([chunk.subarray(0, rest), Buffer.from(farewell)]));
    tail = (tail + chunk.subarray(-LONGEST_END).toString('latin1')).slice(-LONGEST_END);
    if (res.write(chunk)) return;
    answer.pause();
    res.once('drain', () => answer.resume());
  });
  answer.once('end', () => res.end());
  // What breaks breaks for the client too.
  answer.once('close', () => !res.writableEnded && res.destroy());
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    await over;
  } finally {
    signal.removeEventListener('abort', end);
    clearTimeout(late);
    unwatch();
    answer.destroy();
  }
}

/** Where in a chunk the event ends that began before it. */
function endOfEvent(tail: string, chunk: Buffer): number | undefined {
  for (const { index, 0: found } of (tail + chunk.toString('latin1')).matchAll(END_OF_EVENT)) {
    const end = index + found.length - tail.length;
    if (end > 0) return end;
  }
  return undefined;
}
