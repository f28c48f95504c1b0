import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { startFleet } from './fleet-lab.ts';
import { eventually, startLab } from './running.ts';
import {
  events,
  initialize,
  inSession,
  JSON_AND_EVENTS,
  messageIn,
  modernCall,
  modernPost,
  openSession,
  post,
  type ServerEvent,
  toolCall,
} from './wire.ts';

const status = async (url: string) => {
  const answer = await fetch(url);
  return [answer.status, ((await answer.json()) as { status: string }).status];
};

test('at first everything is still served, but readiness says no and every answer closes its socket', async () => {
  const lab = await startLab({ drainDelay: '600ms' });
  const id = await openSession(lab.url);
  expect(await status(`${lab.origin}/health-check`)).toEqual([200, 'ok']);
  void lab.stop();
  for (const base of [lab.origin, lab.admin]) {
    expect(await status(`${base}/health-check`)).toEqual([503, 'draining']);
    expect(await status(`${base}/livez`)).toEqual([200, 'ok']);
  }
  const call = await post(lab.url, toolCall(1, 'echo', { value: 'x' }), inSession(id));
  expect([call.status, call.headers.get('connection')]).toEqual([200, 'close']);
  expect((await post(lab.url, initialize())).status).toBe(200);
  expect((await modernCall(lab.url, 'echo', { value: 'x' })).status).toBe(200);
});

test('after the delay new work gets 503, and sessions are served while calls run', async () => {
  const lab = await startLab({ longestCall: '10s' });
  const id = await openSession(lab.url);
  const call = post(lab.url, toolCall(1, 'wait', { ms: 1_200 }), inSession(id));
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  const stopped = lab.stop();
  const refused = await post(lab.url, initialize());
  expect([refused.status, refused.headers.has('retry-after')]).toEqual([503, true]);
  expect(await refused.json()).toMatchObject({ error: { data: { reason: 'draining' } } });
  expect((await modernCall(lab.url, 'echo', { value: 'x' })).status).toBe(503);
  expect((await post(lab.url, toolCall(2, 'echo', { value: 'x' }), inSession(id))).status).toBe(200);
  expect(await (await call).json()).toMatchObject({ result: { content: [{ text: 'waited' }] } });
  expect(await stopped).toEqual({ sessionsHandedOver: 0, sessionsClosed: 1, callsFinished: 1, callsCut: 0 });
  expect(lab.notes.ended).toContain('drained');
  expect(lab.logs.at(-1)).toMatchObject({
    msg: 'Finished drain',
    sessionsHandedOver: 0,
    sessionsClosed: 1,
    callsCut: 0,
  });
});

test('streams are closed one by one over the window, each with a retry of its own', async () => {
  const lab = await startLab({ drainWindow: '800ms' });
  const ended: { at: number; retry: number | undefined }[] = [];
  const streams = await Promise.all(
    [1, 2, 3, 4].map(async () => {
      const id = await openSession(lab.url);
      return events(await fetch(lab.url, { headers: { accept: 'text/event-stream', ...inSession(id) } }));
    }),
  );
  const readers = streams.map(async (stream) => {
    let retry: number | undefined;
    for await (const event of stream) retry = event.retry;
    ended.push({ at: performance.now(), retry });
  });
  await eventually(lab.counts, (counts) => counts.streams.standalone === 4);
  const begun = performance.now();
  await lab.stop();
  await Promise.all(readers);
  const times = ended.map(({ at }) => at - begun);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(500);
  expect(new Set(ended.map(({ retry }) => retry)).size).toBeGreaterThan(2);
  for (const { retry } of ended) expect(retry).toBeGreaterThanOrEqual(500);
});

test('a modern listener gets its graceful result', async () => {
  const lab = await startLab();
  const answer = await modernPost(lab.url, 'subscriptions/listen', { notifications: { toolsListChanged: true } });
  const stream = events(answer);
  await stream.next();
  void lab.stop();
  expect(messageIn((await stream.next()).value as ServerEvent)).toMatchObject({
    id: 1,
    result: { resultType: 'complete' },
  });
  expect((await stream.next()).done).toBe(true);
});

test('a call that is longer than the longest call is cut, counted, and told', async () => {
  const lab = await startLab({ longestCall: '300ms' });
  const id = await openSession(lab.url);
  const call = post(lab.url, toolCall(1, 'wait', { ms: 20_000 }), inSession(id));
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  expect(await lab.stop()).toMatchObject({ callsCut: 1 });
  expect((await call).status).toBe(503);
  await eventually(
    () => lab.notes.running,
    (running) => running === 0,
  );
});

test('a second signal ends at once', async () => {
  const lab = await startLab({ drainDelay: '60s', drainWindow: '60s', longestCall: '60s' });
  const id = await openSession(lab.url);
  const call = post(lab.url, toolCall(1, 'wait', { ms: 20_000 }), inSession(id)).catch(() => undefined);
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  const begun = performance.now();
  const stopped = lab.stop();
  lab.hurry();
  expect(await stopped).toMatchObject({ callsCut: 1 });
  await call;
  expect(performance.now() - begun).toBeLessThan(10_000);
});

test('a keep-alive socket in use learns to close before the end', async () => {
  const lab = await startLab({ drainDelay: '400ms' });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = () =>
    new Promise<string | undefined>((resolve, reject) => {
      const req = request(`${lab.origin}/`, { agent }, (res) =>
        res.resume().on('end', () => resolve(res.headers.connection)),
      );
      req.on('error', reject).end();
    });
  expect(await ask()).toBe('keep-alive');
  void lab.stop();
  expect(await ask()).toBe('close');
  agent.destroy();
});

test('a socket that the stream of a call has left idle is closed once what came on it could not be finished any more', async () => {
  const lab = await startLab({ drainWindow: '100ms', longestCall: '10s' });
  const id = await openSession(lab.url);
  const long = post(lab.url, toolCall(1, 'wait', { ms: 3_500 }), inSession(id));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const stream = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { ...JSON_AND_EVENTS, ...inSession(id) };
    const call = request(lab.url, { agent, method: 'POST', headers }, resolve).on('error', reject);
    call.end(JSON.stringify(toolCall(2, 'wait', { ms: 2_300 })));
  });
  const { socket } = stream;
  expect(stream.headers.connection).toBe('keep-alive');
  void lab.stop();
  await once(stream.resume(), 'end');
  // The drain goes on, since the other call does.
  await once(socket, 'close');
  expect(lab.notes.running).toBe(1);
  expect((await long).status).toBe(200);
  agent.destroy();
});

test('a call from before the drain is answered with Connection: close', async () => {
  const lab = await startLab({ drainDelay: '800ms' });
  const id = await openSession(lab.url);
  const call = post(lab.url, toolCall(1, 'wait', { ms: 300 }), inSession(id));
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  void lab.stop();
  expect((await call).headers.get('connection')).toBe('close');
});

test('the socket of a stream is not used again, so that no request meets the end of a drain there', async () => {
  const { members } = await startFleet(2);
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const { signal } = gone;
  const connections: (string | null)[] = [];
  const id = await openSession(String(members[0]?.url));
  for (const { url } of members) {
    const stream = await fetch(url, { headers: { accept: 'text/event-stream', ...inSession(id) }, signal });
    const wanted = { notifications: { toolsListChanged: true } };
    const listener = await modernPost(url, 'subscriptions/listen', wanted, signal);
    const call = await post(url, toolCall(1, 'echo', { value: 'x' }), inSession(id));
    for (const { headers } of [stream, listener, call]) connections.push(headers.get('connection'));
  }
  expect(connections).toEqual(['close', 'close', 'keep-alive', 'close', 'close', 'keep-alive']);
});

test('a session on its way in when the drain begins is answered', async () => {
  const { McpServer } = await import('@modelcontextprotocol/server');
  const lab = await startLab({ longestCall: '5s' }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    return new McpServer({ name: 'slow', version: '1' });
  });
  const opening = post(lab.url, initialize());
  await eventually(lab.counts, ({ active }) => active === 1);
  const stopped = lab.stop();
  expect((await opening).status).toBe(200);
  expect(await stopped).toMatchObject({ sessionsClosed: 1, callsCut: 0 });
});
