import { expect, test } from 'vitest';
import { eventually, startLab } from './running.ts';
import { events, initialize, inSession, messageIn, openSession, post, type ServerEvent, toolCall } from './wire.ts';

const listen = (url: string, id: string, lastEventId?: string) =>
  fetch(url, {
    headers: {
      accept: 'text/event-stream',
      ...inSession(id),
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    },
  });

async function rest(stream: AsyncGenerator<ServerEvent>): Promise<ServerEvent[]> {
  const all: ServerEvent[] = [];
  for await (const event of stream) all.push(event);
  return all;
}

test('a session keeps its server object and its state from call to call', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const texts = [];
  for (const n of [1, 2, 3]) {
    const answer = (await (await post(lab.url, toolCall(n, 'session'), inSession(id))).json()) as Result;
    texts.push(answer.result.content[0]?.text);
  }
  expect(texts).toEqual([1, 2, 3].map((n) => `${id}:${n}`));
  expect(lab.notes.created).toBe(1);
});

interface Result {
  readonly result: { readonly content: readonly { readonly text: string }[] };
}

test('session ids are URL-safe, share the owner tag, and are otherwise random', async () => {
  const lab = await startLab();
  const [a, b] = [await openSession(lab.url), await openSession(lab.url)];
  expect(a).toMatch(/^[A-Za-z0-9_-]{30}$/);
  expect(a.slice(0, 8)).toBe(b.slice(0, 8));
  expect(a.slice(8)).not.toBe(b.slice(8));
});

test('a quick answer is JSON; one that takes longer than 2 s becomes a primed stream', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const quick = await post(lab.url, toolCall(1, 'wait', { ms: 50 }), inSession(id));
  expect(quick.headers.get('content-type')).toBe('application/json');
  const begun = performance.now();
  const slow = await post(lab.url, toolCall(2, 'wait', { ms: 4_000 }), inSession(id));
  expect(performance.now() - begun).toBeGreaterThan(1_900);
  expect(performance.now() - begun).toBeLessThan(3_500);
  expect(slow.headers.get('content-type')).toBe('text/event-stream');
  expect(slow.headers.get('cache-control')).toBe('no-cache, no-transform');
  expect(slow.headers.get('x-accel-buffering')).toBe('no');
  const [priming, answer] = await rest(events(slow));
  expect(priming).toMatchObject({ data: '', retry: 1_000, id: expect.any(String) });
  expect(messageIn(answer as ServerEvent)).toMatchObject({ id: 2, result: {} });
});

test('a client from before 2025-11-25 gets no priming event', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url, '2025-06-18');
  const answer = await post(lab.url, toolCall(1, 'stream', { count: 1, ms: 0 }), inSession(id));
  const [first] = await rest(events(answer));
  expect(messageIn(first as ServerEvent)).toMatchObject({ method: 'notifications/message' });
});

test('a reader that lost its stream gets the rest, in order, nothing twice', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const cut = new AbortController();
  const answer = await post(lab.url, toolCall(1, 'stream', { count: 20, ms: 20 }), inSession(id), cut.signal);
  const seen: ServerEvent[] = [];
  for await (const event of events(answer)) {
    seen.push(event);
    if (seen.length === 5) break;
  }
  cut.abort();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const resumed = await listen(lab.url, id, seen.at(-1)?.id);
  const all = [...seen, ...(await rest(events(resumed)))].map(messageIn).filter((message) => message !== undefined);
  expect(
    all.slice(0, -1).map((message) => ('params' in message ? String(message.params?.['data']).split(':')[0] : '?')),
  ).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
  expect(all.at(-1)).toMatchObject({ id: 1, result: {} });
});

test('a result that came while nobody read is still there for who comes back, once', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const cut = new AbortController();
  const answer = await post(lab.url, toolCall(1, 'stream', { count: 3, ms: 50 }), inSession(id), cut.signal);
  const first = (await events(answer).next()).value as ServerEvent;
  cut.abort();
  await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 0);
  const missed = await rest(events(await listen(lab.url, id, first.id)));
  expect(messageIn(missed.at(-1) as ServerEvent)).toMatchObject({ id: 1, result: {} });
  expect((await listen(lab.url, id, missed.at(-1)?.id)).status).toBe(204);
});

test('a GET without Last-Event-ID replaces the standalone stream, which first gets a long retry', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const first = events(await listen(lab.url, id));
  expect((await first.next()).value).toMatchObject({ data: '', retry: 1_000 });
  const second = await listen(lab.url, id);
  expect(second.status).toBe(200);
  expect(await rest(first)).toEqual([{ retry: 30_000, data: '' }]);
  expect((await lab.counts()).streams.standalone).toBe(1);
  await second.body?.cancel();
});

test('a resumed call stream and the standalone one are open together', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const cut = new AbortController();
  const answer = await post(lab.url, toolCall(1, 'stream', { count: 20, ms: 50 }), inSession(id), cut.signal);
  const first = (await events(answer).next()).value as ServerEvent;
  cut.abort();
  const standalone = await listen(lab.url, id);
  const resumed = await listen(lab.url, id, first.id);
  await eventually(lab.counts, ({ streams }) => streams.request === 1 && streams.standalone === 1);
  expect((await rest(events(resumed))).length).toBeGreaterThan(15);
  await standalone.body?.cancel();
});

test.for(['no-such-id', '7-1', '0-999', ''])('an unknown event id %j opens a live stream', async (lastEventId) => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const stream = await listen(lab.url, id, lastEventId);
  expect(stream.status).toBe(200);
  expect((await events(stream).next()).value).toMatchObject({ data: '', retry: 1_000 });
});

test('an event id whose events were trimmed opens a live stream', async () => {
  const lab = await startLab({ maxEventLog: '1KiB' });
  const id = await openSession(lab.url);
  const answer = await post(lab.url, toolCall(1, 'stream', { count: 3, ms: 0, size: 100 }), inSession(id));
  const [priming] = await rest(events(answer));
  await post(lab.url, toolCall(2, 'stream', { count: 30, ms: 0, size: 200 }), inSession(id)).then((other) =>
    other.text(),
  );
  const stream = await listen(lab.url, id, priming?.id);
  expect(stream.status).toBe(200);
  await stream.body?.cancel();
});

test('one session can neither use nor resume what belongs to another', async () => {
  const lab = await startLab();
  const [mine, theirs] = [await openSession(lab.url), await openSession(lab.url)];
  const answer = await post(lab.url, toolCall(1, 'stream', { count: 5, ms: 0, size: 50 }), inSession(theirs));
  const secret = await rest(events(answer));
  for (const { id } of secret) {
    const stream = await listen(lab.url, mine, id);
    const opened = (await events(stream).next()).value as ServerEvent;
    expect(opened.data).toBe('');
  }
});

test('changes reach the sessions that were told of them, and resource updates those that subscribed', async () => {
  let publish = () => {};
  const lab = await startLab({}, await withResource((notify) => (publish = notify)));
  const [subscribed, other] = [await openSession(lab.url), await openSession(lab.url)];
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'lab://thing' } };
  expect((await post(lab.url, subscribe, inSession(subscribed))).status).toBe(200);
  const [a, b] = [events(await listen(lab.url, subscribed)), events(await listen(lab.url, other))];
  await Promise.all([a.next(), b.next()]);
  publish();
  expect(messageIn((await a.next()).value as ServerEvent)).toMatchObject({ method: 'notifications/resources/updated' });
  expect(messageIn((await a.next()).value as ServerEvent)).toMatchObject({
    method: 'notifications/tools/list_changed',
  });
  expect(messageIn((await b.next()).value as ServerEvent)).toMatchObject({
    method: 'notifications/tools/list_changed',
  });
});

async function withResource(give: (publish: () => void) => void) {
  const { McpServer } = await import('@modelcontextprotocol/server');
  const { z } = await import('zod');
  return {
    name: 'changing',
    version: '1',
    start({ notify }: { notify: { resourceUpdated(uri: string): void; toolsChanged(): void } }) {
      give(() => {
        notify.resourceUpdated('lab://thing');
        notify.toolsChanged();
      });
    },
    create() {
      const server = new McpServer(
        { name: 'changing', version: '1' },
        { capabilities: { resources: { subscribe: true } } },
      );
      server.registerTool('t', { inputSchema: z.object({}) }, () => ({ content: [] }));
      server.server.setRequestHandler('resources/subscribe', () => ({}));
      return server;
    },
  };
}

test('a session may have its number of requests in flight; one more gets 429, notifications never', async () => {
  const lab = await startLab({ maxRequestsPerSession: '2' });
  const id = await openSession(lab.url);
  const calls = [1, 2].map((n) => post(lab.url, toolCall(n, 'wait', { ms: 5_000 }), inSession(id)));
  await eventually(
    () => lab.notes.running,
    (running) => running === 2,
  );
  const third = await post(lab.url, toolCall(3, 'echo', { value: 'x' }), inSession(id));
  expect(third.status).toBe(429);
  for (const requestId of [1, 2]) {
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } };
    expect((await post(lab.url, cancel, inSession(id))).status).toBe(202);
  }
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200]);
  expect((await post(lab.url, toolCall(4, 'echo', { value: 'x' }), inSession(id))).status).toBe(200);
});

test('a batch is answered as one, and a batch with initialize not at all', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url, '2025-03-26');
  const batch = [toolCall(1, 'echo', { value: 'a' }), toolCall(2, 'echo', { value: 'b' })];
  const answer = (await (await post(lab.url, batch, { 'mcp-session-id': id })).json()) as { id: number }[];
  expect(answer.map((message) => message.id).toSorted()).toEqual([1, 2]);
  expect((await post(lab.url, [initialize(), toolCall(1, 'echo')])).status).toBe(400);
  expect((await lab.counts()).active).toBe(1);
});

test('a session id exempts no initialize', async () => {
  const lab = await startLab({ maxConnections: '1' });
  const id = await openSession(lab.url);
  expect((await post(lab.url, initialize(), { 'mcp-session-id': id })).status).toBe(400);
  expect((await post(lab.url, initialize(), { 'mcp-session-id': 'invented' })).status).toBe(400);
  expect((await lab.counts()).active).toBe(1);
});
