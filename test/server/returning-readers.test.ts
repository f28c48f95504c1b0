import { request } from 'node:http';
import { expect, test } from 'vitest';
import { eventually, startLab } from './running.ts';
import {
  events,
  inSession,
  JSON_AND_EVENTS,
  messageIn,
  openSession,
  post,
  type ServerEvent,
  toolCall,
} from './wire.ts';

const listen = (url: string, id: string, lastEventId?: string, signal?: AbortSignal) => {
  const resume = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  return fetch(url, {
    headers: { accept: 'text/event-stream', ...inSession(id), ...resume },
    ...(signal && { signal }),
  });
};

/** A server whose standalone stream says what the test tells it to. */
async function speaking() {
  let say = (_text: string) => {};
  const { McpServer } = await import('@modelcontextprotocol/server');
  const lab = await startLab(
    {},
    {
      name: 'speaking',
      version: '1',
      create() {
        const server = new McpServer({ name: 'speaking', version: '1' }, { capabilities: { logging: {} } });
        say = (text) => void server.server.sendLoggingMessage({ level: 'info', data: text });
        return server;
      },
    },
  );
  return { lab, say: (text: string) => say(text) };
}

const said = (event: ServerEvent) => {
  const message = messageIn(event);
  return message !== undefined && 'params' in message ? message.params?.['data'] : undefined;
};

test('the standalone stream resumes with what was missed, in order, nothing twice', async () => {
  const { lab, say } = await speaking();
  const id = await openSession(lab.url);
  const away = new AbortController();
  const first = events(await listen(lab.url, id, undefined, away.signal));
  await first.next();
  say('one');
  const last = (await first.next()).value as ServerEvent;
  expect(said(last)).toBe('one');
  away.abort();
  await eventually(lab.counts, ({ streams }) => streams.standalone === 0);
  say('two');
  say('three');
  const second = events(await listen(lab.url, id, last.id));
  expect([said((await second.next()).value as ServerEvent), said((await second.next()).value as ServerEvent)]).toEqual([
    'two',
    'three',
  ]);
  const mark = (await second.next()).value as ServerEvent;
  expect(mark.data).toBe('');
  say('four');
  expect(said((await second.next()).value as ServerEvent)).toBe('four');
});

test('the first reader of a session gets what was said before it came, a later one without an id does not', async () => {
  const { lab, say } = await speaking();
  const id = await openSession(lab.url);
  say('early');
  const first = events(await listen(lab.url, id));
  expect(said((await first.next()).value as ServerEvent)).toBe('early');
  const second = events(await listen(lab.url, id));
  expect((await second.next()).value).toMatchObject({ data: '', retry: 1_000 });
  say('late');
  expect(said((await second.next()).value as ServerEvent)).toBe('late');
});

test('who comes back while the old socket is half-open is served at once, and the call goes on', async () => {
  const lab = await startLab({ maxStreamBuffer: '128KiB' });
  const id = await openSession(lab.url);
  const call = JSON.stringify(toolCall(1, 'stream', { count: 20_000, ms: 0, size: 500 }));
  const lastEventId = await new Promise<string>((resolve, reject) => {
    const stuck = request(lab.url, { method: 'POST', headers: { ...JSON_AND_EVENTS, ...inSession(id) } });
    stuck.on('error', () => {});
    stuck.on('response', (response) => {
      response.once('data', (chunk: Buffer) => {
        response.pause();
        const [, eventId] = /^id: (\S+)/m.exec(chunk.toString()) ?? [];
        eventId === undefined ? reject(new Error('no event id')) : resolve(eventId);
      });
    });
    stuck.end(call);
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const begun = performance.now();
  let last: ServerEvent | undefined;
  for await (const event of events(await listen(lab.url, id, lastEventId))) last = event;
  expect(messageIn(last as ServerEvent)).toMatchObject({ id: 1, result: {} });
  expect(performance.now() - begun).toBeLessThan(5_000);
});

test('a session that ends tells the stream of its call, and lets nobody hang', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const streaming = await post(lab.url, toolCall(1, 'stream', { count: 1_000, ms: 20 }), inSession(id));
  const waiting = post(lab.url, toolCall(2, 'wait', { ms: 20_000 }), inSession(id));
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  await fetch(lab.url, { method: 'DELETE', headers: inSession(id) });
  expect((await waiting).status).toBe(404);
  let last: ServerEvent | undefined;
  for await (const event of events(streaming)) last = event;
  expect(messageIn(last as ServerEvent)).toMatchObject({ id: 1, error: { code: -32001 } });
});

test('a reader that takes nothing is cut when more than the buffer is unread', async () => {
  const { lab, say } = await speaking();
  const id = await openSession(lab.url);
  const stuck = request(lab.url, { headers: { accept: 'text/event-stream', ...inSession(id) } });
  stuck.on('error', () => {});
  stuck.on('response', (response) => response.pause());
  stuck.end();
  await eventually(lab.counts, ({ streams }) => streams.standalone === 1);
  for (let i = 0; i < 200 && (await lab.counts()).streams.standalone === 1; i++) say('x'.repeat(100_000));
  await eventually(lab.counts, ({ streams }) => streams.standalone === 0);
  stuck.destroy();
});

test('what a handler says after its long answer is dropped while nobody takes that', async () => {
  const { McpServer } = await import('@modelcontextprotocol/server');
  let late: Promise<unknown> = Promise.resolve();
  const lab = await startLab({}, () => {
    const server = new McpServer({ name: 'late', version: '1' }, { capabilities: { logging: {} } });
    server.registerTool('big', {}, (context) => {
      late = new Promise((resolve) => setTimeout(resolve, 200)).then(() =>
        context.mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data: 'late' } }),
      );
      return { content: [{ type: 'text', text: 'x'.repeat(8 * 1024 ** 2) }] };
    });
    return server;
  });
  const id = await openSession(lab.url);
  const taken = await new Promise<number>((resolve, reject) => {
    const slow = request(lab.url, { method: 'POST', headers: { ...JSON_AND_EVENTS, ...inSession(id) } });
    slow.on('error', reject);
    slow.on('response', (response) => {
      response.pause();
      setTimeout(async () => {
        expect((await lab.counts()).requestsInFlight.legacy).toBe(1);
        await late;
        let bytes = 0;
        response.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => resolve(bytes));
        response.resume();
      }, 400);
    });
    slow.end(JSON.stringify(toolCall(1, 'big')));
  });
  expect(taken).toBeGreaterThan(8 * 1024 ** 2);
  await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 0);
});
