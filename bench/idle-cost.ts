import { setTimeout as sleep } from 'node:timers/promises';
import { forEach } from '../src/load/for-each.ts';
import { HttpConnection } from '../src/load/http-connection.ts';
import { RequestEncoder } from '../src/load/requests.ts';
import { sampleOf } from '../test/fixtures/sample.ts';
import { openSession } from './legacy-session.ts';
import { MEMORY_FLAGS, type Memory, memoryOf } from './live-memory.ts';
import { type Server, type ServerName, startServer } from './servers.ts';

/** What is used once, for the first sessions, is no cost of those that come after them. */
export const FIRST = 100;
const AT_ONCE = 64;
const CONNECTION = { timeout: 60_000 };
const NOBODY = { onOpen() {}, onBytes() {}, onEvent() {}, onEnd() {} };
const PARK_AFTER_SECONDS = 1;

/**
 * Opens a session, of which only the stream stays open: servers differ in how long they keep a connection for a next
 * request, and that is no cost of the session.
 */
async function openIdle(address: string): Promise<HttpConnection> {
  const url = new URL(address);
  const requests = new HttpConnection(url, CONNECTION);
  const session = await openSession(requests, url);
  requests.close();
  const stream = new HttpConnection(url, CONNECTION);
  const fields = { Accept: 'text/event-stream', ...session };
  await stream.hold(new RequestEncoder(url).request('GET', url.pathname, fields), NOBODY);
  return stream;
}

async function openUntil(server: Server, streams: HttpConnection[], count: number): Promise<void> {
  await forEach(Array.from({ length: count - streams.length }), AT_ONCE, async () => {
    streams.push(await openIdle(server.url));
  });
  await sleep(2 * PARK_AFTER_SECONDS * 1_000);
  const held = streams.filter(({ busy }) => busy).length;
  if (held !== count) throw new Error(`${held} of ${count} streams of ${server.name} are open.`);
  if (server.admin === undefined) return;
  const dozing = await sampleOf(server.admin, 'mcp_sessions{state="dozing"}');
  if (dozing !== count) throw new Error(`${dozing} of ${count} sessions of berth doze.`);
}

/** Bytes that an idle session with its stream costs a server, as the difference that so many make, for each count of them. */
export async function measureIdleSessions(
  name: ServerName,
  tools: 5 | 50,
  counts: readonly number[],
): Promise<Memory[]> {
  const cap = Math.max(...counts) + 2 * FIRST;
  const flags = ['--park-after', `${PARK_AFTER_SECONDS}s`, '--max-call-delay', '1h'];
  const server = await startServer(name, { tools, cap, flags, nodeFlags: MEMORY_FLAGS });
  const streams: HttpConnection[] = [];
  try {
    await openUntil(server, streams, FIRST);
    const before = await memoryOf(server.pid);
    const seen: Memory[] = [];
    for (const count of counts) {
      await openUntil(server, streams, FIRST + count);
      const { live, rss } = await memoryOf(server.pid);
      seen.push({ live: (live - before.live) / count, rss: (rss - before.rss) / count });
    }
    return seen;
  } finally {
    for (const stream of streams) stream.close();
    await server.stop();
  }
}
