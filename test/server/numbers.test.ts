import { expect, test } from 'vitest';
import { eventually, startLab } from './running.ts';
import { initialize, inSession, modernCall, modernPost, openSession, post } from './wire.ts';

test('the exported connections are sessions and listeners as they are, and short requests as a mean', async () => {
  const lab = await startLab();
  await openSession(lab.url);
  await openSession(lab.url);
  const listening = new AbortController();
  await modernPost(lab.url, 'subscriptions/listen', { notifications: { toolsListChanged: true } }, listening.signal);
  expect(await lab.metric('mcp_active_connections')).toBe(3);
  await modernCall(lab.url, 'wait', { ms: 600 });
  const exported = (await lab.metric('mcp_active_connections')) ?? 0;
  expect((await lab.counts()).active).toBe(3);
  // 0.6 s of one request in a window of 15 s.
  expect(exported).toBeGreaterThan(3.02);
  expect(exported).toBeLessThan(3.1);
  listening.abort();
  await eventually(lab.counts, ({ active }) => active === 2);
  expect(await lab.metric('mcp_active_connections')).toBeLessThan(2.1);
});

test('refusals are logged once a second with their count, and spread over seconds', async () => {
  const lab = await startLab({ maxConnections: '1' });
  await openSession(lab.url);
  const retries = await Promise.all(
    Array.from({ length: 60 }, async () => Number((await post(lab.url, initialize())).headers.get('retry-after'))),
  );
  expect(new Set(retries)).toEqual(new Set([4, 5, 6]));
  const refusals = () => lab.logs.filter(({ msg }) => msg === 'Refused connections');
  await eventually(refusals, (lines) => lines.reduce((sum, { count }) => sum + Number(count), 0) === 60);
  expect(refusals().length).toBeLessThanOrEqual(2);
});

test('a client that leaves the line is neither counted as refused nor left in it', async () => {
  const lab = await startLab({ maxConnections: '1' });
  await openSession(lab.url);
  const gone = new AbortController();
  const waiting = modernCall(lab.url, 'echo', { value: 'x' }, gone.signal).catch(() => undefined);
  await eventually(lab.counts, (counts) => counts.waiting === 1);
  gone.abort();
  await waiting;
  await eventually(lab.counts, (counts) => counts.waiting === 0);
  expect((await lab.counts()).refused.capacity).toBe(0);
});

test('the line is as long as there are slots; who finds it full is refused at once', async () => {
  const lab = await startLab({ maxConnections: '1' });
  await openSession(lab.url);
  const waiting = modernCall(lab.url, 'echo', { value: 'x' });
  await eventually(lab.counts, (counts) => counts.waiting === 1);
  expect((await modernCall(lab.url, 'echo', { value: 'x' })).status).toBe(503);
  // Who came first still waits for its second to pass.
  expect((await lab.counts()).waiting).toBe(1);
  expect((await waiting).status).toBe(503);
});

test('a module is told of every end: of a session, of a modern request, of a client that never waited', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  await modernCall(lab.url, 'echo', { value: 'x' });
  await eventually(
    () => lab.notes.ended,
    (ended) => ended.includes('closed'),
  );
  await fetch(lab.url, { method: 'DELETE', headers: inSession(id) });
  await eventually(
    () => lab.notes.ended,
    (ended) => ended.includes('deleted'),
  );
  expect(lab.notes.ended).toHaveLength(2);
});

test('a client that leaves while its server is made holds the slot until it is made, and its module hears of the end', async () => {
  const { McpServer } = await import('@modelcontextprotocol/server');
  const ended: string[] = [];
  let slow = false;
  const lab = await startLab(
    { maxConnections: '1' },
    {
      name: 'slow',
      version: '1',
      async create(session: { onEnd(callback: (reason: string) => void): void }) {
        if (slow) await new Promise((resolve) => setTimeout(resolve, 500));
        session.onEnd((reason) => ended.push(reason));
        return new McpServer({ name: 'slow', version: '1' });
      },
    },
  );
  slow = true;
  const gone = new AbortController();
  const opening = post(lab.url, initialize(), {}, gone.signal).catch(() => undefined);
  await eventually(lab.counts, ({ active }) => active === 1);
  gone.abort();
  await opening;
  expect((await post(lab.url, initialize())).status).toBe(503);
  await eventually(lab.counts, ({ active }) => active === 0);
  await eventually(
    () => ended,
    (reasons) => reasons.length > 0,
  );
  expect(ended).toEqual(['abandoned']);
});
