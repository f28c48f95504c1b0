import { createServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { hookSocketOf } from './live-memory.ts';

// Loaded with `--import` into a server started with `--expose-gc`: whoever connects is told its memory after collections.
const COLLECTIONS = 5;

createServer(async (socket) => {
  for (let i = 0; i < COLLECTIONS; i++) {
    // What one collection frees may let go of more in a callback.
    await nextTurn();
    globalThis.gc?.();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  socket.end(JSON.stringify({ live: heapUsed + external, rss }));
})
  .listen(hookSocketOf(process.pid))
  .unref();
