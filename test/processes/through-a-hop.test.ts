import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { type ServeProcess, startPods } from '../fixtures/fleet-processes.ts';
import { startFleet } from '../server/fleet-lab.ts';
import { eventually, type Lab } from '../server/running.ts';
import {
  events,
  inSession,
  JSON_AND_EVENTS,
  messageIn,
  modernCall,
  openSession,
  post,
  toolCall,
} from '../server/wire.ts';

type Two<T> = readonly [T, T];

test('a modern call that a peer works on is aborted there when its client goes away', async () => {
  const { members } = await startFleet(2, { maxConnections: '1' });
  const [full, other] = members as unknown as Two<Lab>;
  const first = new AbortController();
  const holding = modernCall(full.url, 'wait', { ms: 20_000 }, first.signal).catch(() => 'gone');
  await eventually(
    () => full.notes.running,
    (running) => running === 1,
  );
  const second = new AbortController();
  const passed = modernCall(full.url, 'wait', { ms: 20_000 }, second.signal).catch(() => 'gone');
  await eventually(
    () => other.notes.running,
    (running) => running === 1,
  );
  second.abort();
  expect(await passed).toBe('gone');
  await eventually(
    () => other.notes.cancelled.length,
    (cancelled) => cancelled === 1,
    1_000,
  );
  await eventually(
    async () => (await other.counts()).active,
    (active) => active === 0,
    1_000,
  );
  expect({ running: full.notes.running, cancelled: full.notes.cancelled }).toEqual({ running: 1, cancelled: [] });
  first.abort();
  await holding;
});

test("a legacy call is cancelled through whichever pod its client's notification comes", async () => {
  const { members } = await startFleet(3);
  const [owner, second, third] = members as unknown as readonly [Lab, Lab, Lab];
  const id = await openSession(owner.url);
  const calls = [second, owner].map(({ url }, number) =>
    post(url, toolCall(`call-${number}`, 'wait', { ms: 20_000 }), inSession(id)),
  );
  await eventually(
    () => owner.notes.running,
    (running) => running === 2,
  );
  for (const number of calls.keys()) {
    const params = { requestId: `call-${number}`, reason: 'enough' };
    const told = await post(third.url, { jsonrpc: '2.0', method: 'notifications/cancelled', params }, inSession(id));
    expect(told.status).toBe(202);
  }
  await eventually(
    () => owner.notes.cancelled.length,
    (cancelled) => cancelled === 2,
    1_000,
  );
  expect([...owner.notes.cancelled].sort()).toEqual(['call-0', 'call-1']);
  // The exchanges end with nothing in them.
  for (const call of calls) expect(await (await call).text()).not.toContain('result');
  expect((await owner.counts()).requestsInFlight.legacy).toBe(0);
});

test('a legacy client that goes away in the middle of a call through another pod does not cancel it', async () => {
  const { members } = await startFleet(2);
  const [owner, edge] = members as unknown as Two<Lab>;
  const id = await openSession(owner.url);
  const away = new AbortController();
  const call = post(edge.url, toolCall(1, 'wait', { ms: 300 }), inSession(id), away.signal).catch(() => 'gone');
  await eventually(
    () => owner.notes.running,
    (running) => running === 1,
  );
  away.abort();
  expect(await call).toBe('gone');
  await eventually(
    () => owner.notes.running,
    (running) => running === 0,
  );
  expect(owner.notes.cancelled).toEqual([]);
});

const EVENTS = 20_000;
const EVENT_BYTES = 10_000;

test('200 MB for a reader behind another pod that does not read cost neither much; it is cut, and resumes', async () => {
  const { pods } = await startPods(2);
  const [owner, edge] = pods as unknown as Two<ServeProcess>;
  const id = await openSession(owner.url);
  const memory = () => Promise.all([owner, edge].map((pod) => pod.metric('process_resident_memory_bytes')));
  await Promise.all([owner.heap(), edge.heap()]);
  const before = await memory();
  const heapsBefore = await Promise.all([owner.heap(), edge.heap()]);

  const req = request(edge.url, { method: 'POST', headers: { ...JSON_AND_EVENTS, ...inSession(id) }, agent: false });
  onTestFinished(() => void req.destroy());
  req.on('error', () => {});
  const answering = new Promise<IncomingMessage>((resolve) => req.once('response', resolve));
  req.end(JSON.stringify(toolCall(1, 'flood', { count: EVENTS, size: EVENT_BYTES })));
  const unread = await answering;
  expect(unread.statusCode).toBe(200);
  unread.on('error', () => {});
  const most = [0, 0];
  // The owner lets go of the reader long before it has said everything.
  await eventually(
    async () => {
      for (const [index, bytes] of (await memory()).entries()) most[index] = Math.max(most[index] ?? 0, bytes);
      return (await owner.counts()).streams.request;
    },
    (streams) => streams === 0,
    20_000,
  );
  await eventually(
    async () => {
      for (const [index, bytes] of (await memory()).entries()) most[index] = Math.max(most[index] ?? 0, bytes);
      return (await owner.counts()).requestsInFlight.legacy;
    },
    (inFlight) => inFlight === 0,
    20_000,
  );
  const heapsAfter = await Promise.all([owner.heap(), edge.heap()]);

  // What it reads at last ends early, and says where to go on.
  let last = '';
  let read = 0;
  unread.setEncoding('latin1');
  for await (const chunk of unread as AsyncIterable<string>) {
    read += chunk.length;
    const found = [...chunk.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1];
    if (found !== undefined) last = found;
  }
  expect(read).toBeLessThan((EVENTS * EVENT_BYTES) / 10);
  const headers = { accept: 'text/event-stream', 'last-event-id': last, ...inSession(id) };
  const texts: string[] = [];
  for await (const event of events(await fetch(edge.url, { headers }))) {
    const message = event.data === '' ? undefined : messageIn(event);
    if (message !== undefined) texts.push(JSON.stringify(message));
    if (message !== undefined && 'result' in message) break;
  }
  expect(texts.at(-1)).toContain('flooded');

  for (const [index, bytes] of most.entries()) expect(bytes - (before[index] ?? 0)).toBeLessThan(100 * 1024 * 1024);
  for (const [index, bytes] of heapsAfter.entries()) {
    expect(bytes - (heapsBefore[index] ?? 0)).toBeLessThan(5 * 1024 * 1024);
  }
});
