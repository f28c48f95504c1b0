import { forEach } from '../src/load/for-each.ts';
import { HttpConnection } from '../src/load/http-connection.ts';
import type { Call, Fields } from '../src/load/requests.ts';
import { openSession } from './legacy-session.ts';
import { callBytes, Reader } from './readers.ts';

/** What the parent says; each word is answered when it is done. */
export type ReadersWord =
  /** Opens so many sessions, of the legacy era; in the modern one there is nothing to open. */
  | { readonly word: 'open'; readonly count: number; readonly era: 'legacy' | 'modern' }
  /** Each makes the call, over a socket from which it reads nothing, or 64 KiB every so many milliseconds. */
  | { readonly word: 'ask'; readonly call: Call; readonly sipMs: number }
  /** All sockets are closed without a word. */
  | { readonly word: 'leave' };

const AT_ONCE = 16;
/** How many come is not what is measured: to make so many large answers at once is work, whoever reads them. */
const BETWEEN_MS = 20;

// Slow readers, in a process of their own. Usage: readers-clients.ts URL
const url = new URL(process.argv[2] ?? '');
let sessions: (Fields | undefined)[] = [];
let readers: Reader[] = [];
let sipping: NodeJS.Timeout | undefined;

async function open(count: number, era: 'legacy' | 'modern'): Promise<void> {
  sessions = new Array<undefined>(count).fill(undefined);
  if (era === 'modern') return;
  await forEach([...sessions.keys()], AT_ONCE, async (i) => {
    const connection = new HttpConnection(url, { timeout: 60_000 });
    sessions[i] = await openSession(connection, url);
    connection.close();
  });
}

async function ask(call: Call, sipMs: number): Promise<void> {
  for (const session of sessions) {
    readers.push(new Reader(url, callBytes(url, call, session)));
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
  if (sipMs > 0) sipping = setInterval(() => readers.forEach((reader) => void reader.sip()), sipMs);
}

function leave(): void {
  clearInterval(sipping);
  for (const reader of readers) reader.leave();
  readers = [];
}

process.on('message', async (word: ReadersWord) => {
  if (word.word === 'open') await open(word.count, word.era);
  else if (word.word === 'ask') await ask(word.call, word.sipMs);
  else leave();
  process.send?.('done');
});
process.on('disconnect', () => process.exit());
