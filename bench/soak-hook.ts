import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { ServerResponse } from 'node:http';
import { createServer, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapStatistics, queryObjects, writeHeapSnapshot } from 'node:v8';
import { type Sample, soakSocketOf } from './soak-sample.ts';

// Loaded with `--import` into a server started with `--expose-gc`: whoever connects and sends a line is told what the process
// holds after collections. A line that is a path has a snapshot of the heap written there first.
const COLLECTIONS = 5;
/** Node gives its timers no name; this one is over before the server starts. */
const Timeout = setTimeout(() => {}, 0).constructor;

createServer(async (socket) => {
  const [line] = (await once(socket, 'data')) as [Buffer];
  const path = line.toString().trim();
  if (path !== '') writeHeapSnapshot(path);
  for (let i = 0; i < COLLECTIONS; i++) {
    // What one collection frees may let go of more in a callback.
    await nextTurn();
    globalThis.gc?.();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const sample: Sample = { live: heapUsed + external, rss, counts: counts() };
  socket.end(JSON.stringify(sample));
})
  .listen(soakSocketOf(process.pid))
  .unref();

function counts(): Record<string, number> {
  const heap = getHeapStatistics();
  const handles = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) handles.set(type, (handles.get(type) ?? 0) + 1);
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  return {
    ...Object.fromEntries([...handles].map(([type, count]) => [`handles ${type}`, count])),
    // Those that keep no process alive are no handles.
    timers: queryObjects(Timeout as never, { format: 'count' }),
    sockets: queryObjects(Socket as never, { format: 'count' }),
    responses: queryObjects(ServerResponse as never, { format: 'count' }),
    'listeners of process': listeners,
    'open files': readdirSync('/proc/self/fd').length,
    'native contexts': heap.number_of_native_contexts,
    'detached contexts': heap.number_of_detached_contexts,
  };
}
