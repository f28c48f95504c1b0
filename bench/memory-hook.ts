import { createServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { hookSocketOf } from './live-memory.ts';

// Loaded with `--import` into a server started with `--expose-gc`: whoever connects is told its memory after collections.
const COLLECTIONS = 5;
/** V8 keeps the pages that a plain collection frees, hundreds of MiB of them, for a next time; this one gives them back. */
const THOROUGHLY = { type: 'major', execution: 'sync', flavor: 'last-resort' } as const;

createServer(async (socket) => {
  for (let i = 0; i < COLLECTIONS; i++) {
    // What one collection frees may let go of more in a callback.
    await nextTurn();
    globalThis.gc?.(THOROUGHLY);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  socket.end(JSON.stringify({ live: heapUsed + external, rss }));
})
  .listen(hookSocketOf(process.pid))
  .unref();
