import { parseArgs } from 'node:util';
import { forEach } from '../src/load/for-each.ts';
import { HttpConnection } from '../src/load/http-connection.ts';
import { RequestEncoder } from '../src/load/requests.ts';
import { liveMemoryReader } from '../src/server/auto-cap/live-memory.ts';
import { measureSessions } from '../src/server/auto-cap/measure-sessions.ts';
import { openSample } from '../src/server/auto-cap/sample-session.ts';
import { sourceOf } from '../src/sources/load-module.ts';
import { openSession, sessionCall } from './legacy-session.ts';
import { MEMORY_FLAGS, memoryOf } from './live-memory.ts';
import residentTools from './resident-tools.ts';
import { startServe } from './serve-process.ts';

// What a held session takes beside its server object (`HELD_BYTES`, `UPSTREAM_BYTES` of src/config/memory-costs.ts): live
// heap of a served session with its stream and a kept connection, and of a sample of the same module.
// Usage: held-sessions.ts [--sessions 1000]
const { values } = parseArgs({ options: { sessions: { type: 'string', default: '1000' } } });
const count = Number(values.sessions);
const FIRST = 100;
const AT_ONCE = 32;
const NOBODY = { onOpen() {}, onBytes() {}, onEvent() {}, onEnd() {} };
const CAP = ['--max-connections', String(2 * FIRST + count)];

/** KB of live heap that each of so many sessions adds, once the first ones are there. */
async function served(...args: readonly string[]): Promise<{ readonly kilobytes: number; readonly port: number }> {
  const { port, child } = await startServe([...args, ...CAP], MEMORY_FLAGS);
  process.once('exit', () => child.kill('SIGKILL'));
  const url = new URL(`http://127.0.0.1:${port}/mcp`);
  const open = async () => {
    const requests = new HttpConnection(url, { timeout: 60_000 });
    const session = await openSession(requests, url);
    await sessionCall(requests, url, session, { method: 'tools/list', params: {} })();
    const fields = { Accept: 'text/event-stream', ...session };
    await new HttpConnection(url, { timeout: 60_000 }).hold(
      new RequestEncoder(url).request('GET', url.pathname, fields),
      NOBODY,
    );
  };
  const pid = child.pid ?? 0;
  await forEach(Array.from({ length: FIRST }), AT_ONCE, open);
  const before = await memoryOf(pid);
  await forEach(Array.from({ length: count }), AT_ONCE, open);
  const after = await memoryOf(pid);
  return { kilobytes: (after.live - before.live) / count / 1_024, port };
}

const live = liveMemoryReader();
const { definition } = await sourceOf(residentTools, 'bench', import.meta.url);
const { each } = await measureSessions({
  open: () => openSample({ definition, startLimit: 30_000, failed: (error) => console.error(error) }),
  read: async () => ({ ...(await live()), children: 0 }),
  processes: false,
  room: Number.POSITIVE_INFINITY,
  clock: () => performance.now(),
});
const sample = (each.heap + each.external) / 1_024;
const module = new URL('resident-tools.ts', import.meta.url).pathname;
const held = await served(module);
const behind = await startServe([module, ...CAP]);
process.once('exit', () => behind.child.kill('SIGKILL'));
const passed = await served('--upstream', `http://127.0.0.1:${behind.port}/mcp`);
const kb = (number: number) => `${number.toFixed(1)} KB`;
process.stdout.write(`A sample session: ${kb(sample)}. A served one: ${kb(held.kilobytes)}, `);
process.stdout.write(`which is ${kb(held.kilobytes - sample)} beside its server object. `);
process.stdout.write(`With an upstream: ${kb(passed.kilobytes)}.\n`);
process.exit();
