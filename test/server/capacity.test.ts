import { expect, test } from 'vitest';
import { eventually, startLab } from './running.ts';
import { events, initialize, inSession, modernCall, modernPost, openSession, post, toolCall } from './wire.ts';

test('a fourth session gets 503 with Retry-After and the documented body', async () => {
  const lab = await startLab({ maxConnections: '3' });
  for (let i = 0; i < 3; i++) await openSession(lab.url);
  const refused = await post(lab.url, initialize());
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(4);
  expect(await refused.json()).toEqual({
    jsonrpc: '2.0',
    id: null,
    error: {
      code: 503,
      message: 'Server at capacity: every connection is in use. Try again in a few seconds.',
      data: { reason: 'capacity', retryAfter: Number(refused.headers.get('retry-after')) },
    },
  });
  expect(await lab.metric('mcp_connections_refused_total{reason="capacity"}')).toBe(1);
});

test('a full server refuses a modern request after a short wait, and never an exempt one', async () => {
  const lab = await startLab({ maxConnections: '1' });
  await openSession(lab.url);
  const begun = performance.now();
  const refused = await modernCall(lab.url, 'echo', { value: 'x' });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  expect(await refused.json()).toMatchObject({ id: 1, error: { code: 503, data: { reason: 'capacity' } } });
  expect(performance.now() - begun).toBeGreaterThan(900);
  expect((await modernPost(lab.url, 'server/discover')).status).toBe(200);
  for (const path of ['/health-check', '/health-check/', '/livez', '/']) {
    expect((await fetch(lab.origin + path)).status, path).toBe(200);
  }
  expect((await fetch(lab.url, { method: 'OPTIONS' })).status).toBe(204);
});

test('the admitted keep calling, reopen their streams and leave while others are refused', async () => {
  const lab = await startLab({ maxConnections: '3' });
  const ids = await Promise.all([1, 2, 3].map(() => openSession(lab.url)));
  for (let round = 0; round < 5; round++) {
    for (const id of ids) {
      const call = await post(lab.url, toolCall(round, 'echo', { value: 'hi' }), inSession(id));
      expect(call.status).toBe(200);
      const stream = await fetch(lab.url, { headers: { accept: 'text/event-stream', ...inSession(id) } });
      expect(stream.status).toBe(200);
      expect((await post(lab.url, initialize())).status).toBe(503);
      await stream.body?.cancel();
    }
  }
  expect((await fetch(`${lab.admin}/health-check`)).status).toBe(200);
});

test('a DELETE makes room for exactly one', async () => {
  const lab = await startLab({ maxConnections: '3' });
  const [first] = await Promise.all([1, 2, 3].map(() => openSession(lab.url)));
  expect((await fetch(lab.url, { method: 'DELETE', headers: inSession(first as string) })).status).toBe(200);
  expect((await fetch(lab.url, { method: 'DELETE', headers: inSession(first as string) })).status).toBe(404);
  const statuses = await Promise.all([1, 2, 3, 4].map(async () => (await post(lab.url, initialize())).status));
  expect(statuses.toSorted()).toEqual([200, 503, 503, 503]);
});

test('of 200 clients racing for 50 slots over real sockets, exactly 50 get in', async () => {
  const lab = await startLab({ maxConnections: '50' });
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(Array.from({ length: 200 }, () => post(lab.url, initialize())));
    const admitted = answers.flatMap((answer) => answer.headers.get('mcp-session-id') ?? []);
    expect(answers.map(({ status }) => status).filter((status) => status === 503)).toHaveLength(150);
    expect(admitted).toHaveLength(50);
    expect((await lab.counts()).active).toBe(50);
    await Promise.all(admitted.map((id) => fetch(lab.url, { method: 'DELETE', headers: inSession(id) })));
    expect((await lab.counts()).active).toBe(0);
  }
});

test('a modern request holds its slot until it is answered, and passes it on to one that waits', async () => {
  const lab = await startLab({ maxConnections: '1' });
  const first = modernCall(lab.url, 'wait', { ms: 300 });
  await eventually(lab.counts, ({ active }) => active === 1);
  const second = modernCall(lab.url, 'echo', { value: 'second' });
  await eventually(lab.counts, ({ waiting }) => waiting === 1);
  expect((await post(lab.url, initialize())).status).toBe(503);
  expect(await (await first).json()).toMatchObject({ result: { content: [{ text: 'waited' }] } });
  expect(await (await second).json()).toMatchObject({ result: { content: [{ text: 'second' }] } });
  await eventually(lab.counts, ({ active }) => active === 0);
});

test('when full, the longest-idle session goes, and only after --evict-after', async () => {
  const lab = await startLab({ maxConnections: '2', evictAfter: '1s' });
  const [older, newer] = [await openSession(lab.url), await openSession(lab.url)];
  expect((await post(lab.url, initialize())).status).toBe(503);
  await new Promise((resolve) => setTimeout(resolve, 600));
  const ping = { jsonrpc: '2.0', id: 9, method: 'ping' };
  expect((await post(lab.url, ping, inSession(older))).status).toBe(200);
  expect((await post(lab.url, toolCall(1, 'echo', { value: 'x' }), inSession(newer))).status).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect((await post(lab.url, initialize())).status).toBe(200);
  expect((await post(lab.url, toolCall(2, 'echo', { value: 'x' }), inSession(older))).status).toBe(404);
  expect((await post(lab.url, toolCall(2, 'echo', { value: 'x' }), inSession(newer))).status).toBe(200);
  expect(lab.notes.ended).toEqual(['evicted']);
});

test('a session with an open stream is never evicted', async () => {
  const lab = await startLab({ maxConnections: '1', evictAfter: '1s', sessionIdleTimeout: '1s' });
  const id = await openSession(lab.url);
  const stream = await fetch(lab.url, { headers: { accept: 'text/event-stream', ...inSession(id) } });
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  expect((await post(lab.url, initialize())).status).toBe(503);
  await stream.body?.cancel();
});

test('a session unused for the idle timeout is closed, and its slot free', async () => {
  const lab = await startLab({ maxConnections: '1', sessionIdleTimeout: '1s' });
  const id = await openSession(lab.url);
  await eventually(lab.counts, ({ active }) => active === 0);
  expect((await post(lab.url, toolCall(1, 'echo', { value: 'x' }), inSession(id))).status).toBe(404);
  expect(lab.notes.ended).toEqual(['expired']);
});

test('a listener holds a slot for as long as it listens', async () => {
  const lab = await startLab({ maxConnections: '1' });
  const listening = new AbortController();
  const answer = await modernPost(
    lab.url,
    'subscriptions/listen',
    { notifications: { toolsListChanged: true } },
    listening.signal,
  );
  expect(answer.status).toBe(200);
  const first = await events(answer).next();
  expect(first.value?.data).toContain('notifications/subscriptions/acknowledged');
  expect((await lab.counts()).active).toBe(1);
  expect((await post(lab.url, initialize())).status).toBe(503);
  listening.abort();
  await eventually(lab.counts, ({ active }) => active === 0);
});
