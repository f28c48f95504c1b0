import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readServeConfig } from '../src/config/read-config.ts';
import { HttpConnection } from '../src/load/http-connection.ts';
import { createLog } from '../src/server/log.ts';
import { startServer } from '../src/server/server.ts';
import { sourceOf } from '../src/sources/load-module.ts';
import fiveTools from './five-tools.ts';
import { openSession, sessionCall } from './legacy-session.ts';
import { percentile, spread } from './spread.ts';

// What a parked session costs, and what waking one does. Usage: node --expose-gc parked.ts [--sessions 10000] [--wakes 1000]
const { values } = parseArgs({
  options: { sessions: { type: 'string', default: '10000' }, wakes: { type: 'string', default: '1000' } },
});
const SLOTS = 100;
const count = Number(values.sessions);
const gc = globalThis.gc;
if (gc === undefined) throw new Error('parked.ts reads the heap after a collection: start it with node --expose-gc.');

async function liveHeap(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    await nextTurn();
    gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const flags = { port: '0', adminPort: '0', maxConnections: String(SLOTS), maxParked: String(2 * count) };
const config = readServeConfig({ flags: { ...flags, logLevel: 'error' }, environment: {} });
const server = await startServer(config, await sourceOf(fiveTools, 'bench', import.meta.url), createLog(config));
const url = new URL(`http://127.0.0.1:${server.port}/mcp`);
const connection = new HttpConnection(url, { timeout: 60_000 });
const ids: string[] = [];
const open = async () => {
  const { 'Mcp-Session-Id': id = '' } = await openSession(connection, url);
  // A copy: a part of the answer would keep the whole of it in the heap that is read here.
  ids.push(Buffer.from(id).toString());
};
const echo = { method: 'tools/call', params: { name: 'echo', arguments: { value: 'x' } } };

// The slots stay full from here on, so what is added later is parked sessions and nothing else.
for (let i = 0; i < 2 * SLOTS; i++) await open();
const before = await liveHeap();
for (let i = 0; i < count; i++) await open();
const after = await liveHeap();

const wakes: number[] = [];
const awake: number[] = [];
for (let i = 0; i < Number(values.wakes); i++) {
  const id = ids[(i * 7) % (count - SLOTS)] ?? '';
  const call = sessionCall(connection, url, { 'Mcp-Session-Id': id }, echo);
  for (const took of [wakes, awake]) {
    const begun = performance.now();
    await call();
    took.push(performance.now() - begun);
  }
}

const milliseconds = (took: readonly number[]) =>
  `p50 ${percentile(took, 50).toFixed(2)} ms, p99 ${percentile(took, 99).toFixed(2)} ms`;
process.stdout.write(`live heap of a parked session, nothing in its event log: ${((after - before) / count / 1024).toFixed(2)} KB (${count} sessions)
a call that wakes its session: ${milliseconds(wakes)} (${spread(wakes)})
the call after it: ${milliseconds(awake)} (${spread(awake)})
`);
connection.close();
await server.stop(AbortSignal.abort());
process.exit();
