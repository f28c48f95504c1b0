import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startRedis } from '../fixtures/redis.ts';
import { startFleet } from './fleet-lab.ts';
import { eventually, startLab } from './running.ts';
import { events, initialize, inSession, messageIn, modernPost, openSession, post, toolCall } from './wire.ts';

const listen = (url: string, id: string, signal?: AbortSignal) =>
  fetch(url, { headers: { accept: 'text/event-stream', ...inSession(id) }, ...(signal && { signal }) });

test('the length of a body that a GET or DELETE claims is not passed on, so it can swallow nobody’s request', async () => {
  const { members } = await startFleet(2);
  const [owner, other] = members as [(typeof members)[number], (typeof members)[number]];
  const [id, victim] = [await openSession(owner.url), await openSession(owner.url)];
  const { port, host } = new URL(other.url);
  const socket = connect(Number(port), '127.0.0.1');
  const head = ['GET /mcp HTTP/1.1', `Host: ${host}`, 'Accept: text/event-stream', `Mcp-Session-Id: ${id}`];
  socket.write([...head, 'Last-Event-ID: 1-1', 'Content-Length: 500', '', ''].join('\r\n'));
  await new Promise((resolve) => socket.once('data', resolve));
  for (let i = 0; i < 5; i++) {
    const answer = await post(other.url, toolCall(i, 'echo', { value: 'x'.repeat(600) }), inSession(victim));
    expect(answer.status).toBe(200);
  }
  socket.destroy();
});

test('a drain hands over every session of many with streams, within its window', async () => {
  const { members } = await startFleet(2, { maxConnections: '200', drainWindow: '1s' });
  const [leaving, staying] = members as [(typeof members)[number], (typeof members)[number]];
  const ids = await Promise.all(Array.from({ length: 150 }, () => openSession(leaving.url)));
  await Promise.all(ids.map((id) => listen(leaving.url, id)));
  await eventually(leaving.counts, ({ streams }) => streams.standalone === 150);
  const begun = performance.now();
  expect(await leaving.stop()).toMatchObject({ sessionsHandedOver: 150, sessionsClosed: 0, callsCut: 0 });
  expect(performance.now() - begun).toBeLessThan(6_000);
  const { sessions } = await staying.counts();
  expect(sessions.active + sessions.dozing + sessions.parked).toBe(150);
});

test('clients that come back through a pod that leaves, and listeners through it, do not hold it up', async () => {
  const { members } = await startFleet(2, { drainWindow: '500ms', longestCall: '10s' });
  const [leaving, owner] = members as [(typeof members)[number], (typeof members)[number]];
  const gone = new AbortController();
  const ids = await Promise.all(Array.from({ length: 5 }, () => openSession(owner.url)));
  const reading = ids.map(async (id) => {
    while (!gone.signal.aborted) {
      const answer = await listen(leaving.url, id, gone.signal).catch(() => undefined);
      await answer?.text().catch(() => undefined);
    }
  });
  const headers = { notifications: { toolsListChanged: true } };
  void modernPost(leaving.url, 'subscriptions/listen', headers, gone.signal).catch(() => undefined);
  await eventually(owner.counts, ({ streams }) => streams.standalone === 5);
  const begun = performance.now();
  expect(await leaving.stop()).toMatchObject({ callsCut: 0 });
  expect(performance.now() - begun).toBeLessThan(8_000);
  gone.abort();
  await Promise.all(reading);
});

test('a listener through a pod that leaves gets its graceful result from it', async () => {
  const { members } = await startFleet(2, { maxConnections: '1' });
  const [leaving] = members as [(typeof members)[number], (typeof members)[number]];
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  // The only slot, so that the listener's is on the other pod.
  await listen(leaving.url, await openSession(leaving.url), gone.signal);
  const wanted = { notifications: { toolsListChanged: true } };
  const heard = events(await modernPost(leaving.url, 'subscriptions/listen', wanted, gone.signal));
  const acknowledged = (await heard.next()).value;
  expect(messageIn(acknowledged)).toMatchObject({ method: 'notifications/subscriptions/acknowledged' });
  await leaving.stop();
  const subscription = { 'io.modelcontextprotocol/subscriptionId': 1 };
  expect(messageIn((await heard.next()).value)).toEqual({
    jsonrpc: '2.0',
    id: 1,
    result: { resultType: 'complete', _meta: subscription },
  });
  expect((await heard.next()).done).toBe(true);
});

test('a pod that may keep no parked session still takes in sessions with a slot, and loses none', async () => {
  const { members } = await startFleet(2, { maxParked: '0' });
  const [leaving, staying] = members as [(typeof members)[number], (typeof members)[number]];
  const ids = [await openSession(leaving.url), await openSession(leaving.url)];
  expect(await leaving.stop()).toMatchObject({ sessionsHandedOver: 2 });
  for (const id of ids) expect((await post(staying.url, toolCall(1, 'session'), inSession(id))).status).toBe(200);
  expect((await staying.counts()).active).toBe(2);
});

test('work from another pod closes no idle session while a third one has room', async () => {
  const { members } = await startFleet(3, { maxConnections: '1', evictAfter: '1s' }, 'resident');
  const [first, second] = members.map(({ url }) => url) as [string, string];
  const [held, idle] = [await openSession(first), await openSession(second)];
  await sleep(1_200);
  // Its own one is busy, so it has to look elsewhere.
  const call = post(first, toolCall(1, 'wait', { ms: 1_500 }), inSession(held));
  await eventually(
    () => members[0]?.notes.running,
    (running) => running === 1,
  );
  expect((await post(first, initialize())).status).toBe(200);
  expect((await post(second, toolCall(1, 'session'), inSession(idle))).status).toBe(200);
  expect((await call).status).toBe(200);
});

test('of several requests that find their session in the store after a restart, one takes it over for all', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const settings = { sessionStore: redis.url };
  const before = await startLab(settings, undefined, { sessions: 'parkable' });
  const id = await openSession(before.url);
  for (let i = 0; i < 3; i++) await post(before.url, toolCall(i, 'session'), inSession(id));
  await before.stop();
  const after = await startLab(settings, undefined, { sessions: 'parkable' });
  const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => post(after.url, toolCall(n, 'session'), inSession(id))));
  const texts = await Promise.all(
    answers.map(async (answer) => ((await answer.json()) as { result: { content: [{ text: string }] } }).result),
  );
  expect(texts.map(({ content: [{ text }] }) => text).toSorted()).toEqual([4, 5, 6, 7, 8].map((n) => `${id}:${n}`));
  expect(await after.counts()).toMatchObject({ sessions: { active: 1, parked: 0 } });
});

test('a parked session that is one too many goes on from the store, however soon it had to go', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const settings = { sessionStore: redis.url, maxConnections: '1', maxParked: '1' };
  const lab = await startLab(settings, undefined, { sessions: 'parkable' });
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) ids.push(await openSession(lab.url));
  await eventually(lab.counts, ({ sessions }) => sessions.parked === 1);
  for (const id of ids) expect((await post(lab.url, toolCall(1, 'session'), inSession(id))).status).toBe(200);
});

test('a store that goes away ends parked sessions that are too many, but not the one that is asked for', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const settings = { sessionStore: redis.url, maxConnections: '1', maxParked: '1' };
  const lab = await startLab(settings, undefined, { sessions: 'parkable' });
  redis.pause();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push(await openSession(lab.url));
  // Their copies are thought to be on the way.
  expect((await lab.counts()).sessions.parked).toBe(4);
  const gone = (logs: typeof lab.logs) => logs.some(({ msg }) => String(msg).includes('sessions go on in memory'));
  await eventually(() => lab.logs, gone);
  expect((await post(lab.url, toolCall(1, 'session'), inSession(String(ids[0])))).status).toBe(200);
  expect((await lab.counts()).sessions).toEqual({ active: 1, dozing: 0, parked: 1 });
  redis.resume();
});

test('a state that is no JSON keeps its session here, and the process alive', async () => {
  const { McpServer } = await import('@modelcontextprotocol/server');
  const lab = await startLab(
    { parkAfter: '1s' },
    {
      sessions: 'parkable',
      create(session: { state: Record<string, unknown> }) {
        session.state['toJSON'] = () => undefined;
        return new McpServer({ name: 'odd', version: '1' });
      },
    },
  );
  const id = await openSession(lab.url);
  await eventually(
    () => lab.logs,
    (logs) => logs.some(({ msg }) => msg === 'Session can not be parked'),
  );
  expect((await lab.counts()).sessions).toEqual({ active: 1, dozing: 0, parked: 0 });
  expect((await post(lab.url, { jsonrpc: '2.0', id: 1, method: 'ping' }, inSession(id))).status).toBe(200);
});

test('a stream that is asked for and given up at once holds no slot', async () => {
  const { members, settled } = await startFleet(2, { parkAfter: '1s' });
  const [owner, other] = members as [(typeof members)[number], (typeof members)[number]];
  const id = await openSession(owner.url);
  for (let i = 0; i < 20; i++) {
    const gone = new AbortController();
    const asked = listen(other.url, id, gone.signal).catch(() => undefined);
    await sleep(i / 4);
    gone.abort();
    await asked;
  }
  await settled(({ streams }) => streams.standalone, 0);
  await settled(({ active }) => active, 0);
});

test('events of a session arrive in order through every pod, each once', async () => {
  const { members } = await startFleet(3);
  const id = await openSession(members[0]?.url ?? '');
  const seen: string[] = [];
  const stream = events(await listen(members[1]?.url ?? '', id));
  for (let i = 0; i < 30; i++) {
    await post(members[i % 3]?.url ?? '', toolCall(i, 'tell', { text: String(i) }), inSession(id));
  }
  for await (const { data } of stream) {
    if (data !== '') seen.push((JSON.parse(data) as { params: { data: string } }).params.data);
    if (seen.length === 30) break;
  }
  expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => String(i)));
});

test('a session whose request is still on its way in at the end of the window is served, and then handed over', async () => {
  const { members } = await startFleet(2, { drainWindow: '300ms', longestCall: '10s' });
  const [leaving, staying] = members as [(typeof members)[number], (typeof members)[number]];
  const id = await openSession(leaving.url);
  const { port, host } = new URL(leaving.url);
  const body = JSON.stringify(toolCall(1, 'session'));
  const head = ['POST /mcp HTTP/1.1', `Host: ${host}`, 'Content-Type: application/json', `Mcp-Session-Id: ${id}`];
  const socket = connect(Number(port), '127.0.0.1');
  socket.write([...head, 'Accept: */*', `Content-Length: ${body.length}`, '', body.slice(0, 10)].join('\r\n'));
  await sleep(100);
  const stopped = leaving.stop();
  await sleep(900);
  const answered = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
  socket.write(body.slice(10));
  expect(await answered).toMatch(/^HTTP\/1\.1 200/);
  expect(await stopped).toMatchObject({ sessionsHandedOver: 1, sessionsClosed: 0, callsCut: 0 });
  const again = (await (await post(staying.url, toolCall(2, 'session'), inSession(id))).json()) as object;
  expect(again).toMatchObject({ result: { content: [{ text: `${id}:2` }] } });
});
