import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { eventually, type Lab, startLab } from './running.ts';
import {
  initialize,
  inSession,
  JSON_AND_EVENTS,
  MODERN,
  modernCall,
  modernPost,
  openSession,
  post,
  toolCall,
} from './wire.ts';

const idle = (lab: Lab) =>
  eventually(
    lab.counts,
    ({ active, requestsInFlight, streams }) =>
      active === 0 &&
      requestsInFlight.legacy + requestsInFlight.modern === 0 &&
      streams.standalone + streams.request + streams.listen === 0,
  );

async function endSession(lab: Lab, id: string): Promise<void> {
  await fetch(lab.url, { method: 'DELETE', headers: inSession(id) });
}

test('a handler that throws gives everything back, in both eras', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  expect(await (await post(lab.url, toolCall(1, 'throw'), inSession(id))).json()).toMatchObject({
    result: { isError: true },
  });
  expect(await (await modernCall(lab.url, 'throw')).json()).toMatchObject({ result: { isError: true } });
  await endSession(lab, id);
  await idle(lab);
});

test('a client that vanishes in the middle of a modern call cancels it', async () => {
  const lab = await startLab();
  const gone = new AbortController();
  const call = modernCall(lab.url, 'wait', { ms: 20_000 }, gone.signal).catch(() => undefined);
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  gone.abort();
  await call;
  await idle(lab);
  expect(lab.notes.cancelled).toEqual(['1']);
});

test('a cancelled modern call counts until its handler settles', async () => {
  const lab = await startLab({ maxConnections: '1' });
  const gone = new AbortController();
  const call = modernCall(lab.url, 'wait', { ms: 800, stubborn: true }, gone.signal).catch(() => undefined);
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  gone.abort();
  await call;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await lab.counts()).active).toBe(1);
  await idle(lab);
  expect(lab.notes.running).toBe(0);
});

test('a legacy client that vanishes in the middle of a call does not cancel it', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const gone = new AbortController();
  const call = post(lab.url, toolCall(7, 'wait', { ms: 300 }), inSession(id), gone.signal).catch(() => undefined);
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  gone.abort();
  await call;
  await eventually(
    () => lab.notes.running,
    (running) => running === 0,
  );
  expect(lab.notes.cancelled).toEqual([]);
  await endSession(lab, id);
  await idle(lab);
});

test('a call that the client cancels is answered at once and counts until its handler settles', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const call = post(lab.url, toolCall(7, 'wait', { ms: 600, stubborn: true }), inSession(id));
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
  expect((await post(lab.url, cancel, inSession(id))).status).toBe(202);
  expect(await (await call).text()).toBe('');
  expect((await lab.counts()).requestsInFlight.legacy).toBe(1);
  await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 0);
  expect(lab.notes.running).toBe(0);
});

test('a client that vanishes in the middle of a body leaves nothing behind', async () => {
  const lab = await startLab();
  const { hostname, port } = new URL(lab.url);
  for (let i = 0; i < 20; i++) {
    const socket = connect(Number(port), hostname);
    const head = `POST /mcp HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"json`;
    await new Promise<void>((resolve) => socket.write(head, () => resolve()));
    socket.destroy();
  }
  await idle(lab);
  expect(lab.notes.created).toBe(0);
});

test('a client that vanishes in the middle of a stream leaves nothing behind', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const gone = new AbortController();
  await post(lab.url, toolCall(1, 'stream', { count: 30, ms: 20 }), inSession(id), gone.signal);
  await fetch(lab.url, { headers: { accept: 'text/event-stream', ...inSession(id) }, signal: gone.signal });
  await modernPost(lab.url, 'subscriptions/listen', { notifications: { toolsListChanged: true } }, gone.signal);
  expect((await lab.counts()).streams).toEqual({ standalone: 1, request: 1, listen: 1, sse: 0 });
  gone.abort();
  await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 0);
  await endSession(lab, id);
  await idle(lab);
});

test('a client that vanishes before its initialize is answered leaves no session', async () => {
  const lab = await startLab({}, async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { McpServer } = await import('@modelcontextprotocol/server');
    return new McpServer({ name: 'slow', version: '1' });
  });
  const gone = new AbortController();
  const opening = post(lab.url, initialize(), {}, gone.signal).catch(() => undefined);
  await eventually(lab.counts, ({ active }) => active === 1);
  gone.abort();
  await opening;
  await idle(lab);
  expect(await lab.metric('mcp_sessions_closed_total{reason="abandoned"}')).toBe(1);
});

test('a module that fails to create its server answers 500 and keeps no slot', async () => {
  let calls = 0;
  const { McpServer } = await import('@modelcontextprotocol/server');
  const lab = await startLab({ maxConnections: '1' }, () => {
    if (calls++ > 0) throw new Error('no database');
    return new McpServer({ name: 'broken', version: '1' });
  });
  for (let i = 0; i < 3; i++) {
    const answer = await post(lab.url, initialize());
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('database');
    expect((await modernCall(lab.url, 'echo')).status).toBe(500);
  }
  await idle(lab);
});

test('an initialize that the server rejects leaves no session', async () => {
  const lab = await startLab();
  const answer = await post(lab.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} });
  expect(answer.headers.get('mcp-session-id')).toBeNull();
  expect(await answer.json()).toHaveProperty('error');
  await idle(lab);
});

test('a reader that does not read costs bounded memory and is cut', async () => {
  const lab = await startLab({ maxStreamBuffer: '128KiB' });
  const id = await openSession(lab.url);
  const body = JSON.stringify(toolCall(1, 'stream', { count: 40_000, ms: 0, size: 1_000 }));
  const before = process.memoryUsage().rss;
  const slow = request(lab.url, { method: 'POST', headers: { ...JSON_AND_EVENTS, ...inSession(id) } });
  slow.on('error', () => {});
  slow.on('response', (response) => response.pause());
  slow.end(body);
  await eventually(lab.counts, ({ streams }) => streams.request === 1);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  // 40 MB are on offer; the limit, the socket's buffers and the log are what may be held.
  expect(process.memoryUsage().rss - before).toBeLessThan(25 * 1024 ** 2);
  slow.destroy();
  await endSession(lab, id);
  await eventually(lab.counts, ({ active }) => active === 0);
});

test('a modern handler waits for a reader that is slow, who then gets everything', async () => {
  const lab = await startLab({ maxStreamBuffer: '128KiB' });
  const meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const params = { name: 'stream', arguments: { count: 80, ms: 0, size: 250_000 }, _meta: meta };
  const modern = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'stream' };
  const slow = request(lab.url, { method: 'POST', headers: { ...JSON_AND_EVENTS, ...modern } });
  slow.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }));
  const [response] = (await once(slow, 'response')) as [IncomingMessage];
  response.pause();
  await eventually(lab.counts, ({ streams }) => streams.request === 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect((await lab.counts()).requestsInFlight.modern).toBe(1);
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  expect(text.match(/"data":"\d+:x/g)).toHaveLength(80);
  expect(text).toContain('"text":"streamed"');
});

test('half-sent large bodies can not keep small requests out', async () => {
  const lab = await startLab({ maxBody: '1MiB' });
  const { hostname, port } = new URL(lab.url);
  const head = `POST /mcp HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nContent-Length: 1048576`;
  const modern = 'MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call';
  const sockets = Array.from({ length: 24 }, () => connect(Number(port), hostname));
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.on('error', () => {});
          socket.write(`${head}\r\n${modern}\r\n\r\n${'x'.repeat(1_048_000)}`, () => resolve());
        }),
    ),
  );
  expect((await post(lab.url, initialize())).status).toBe(200);
  expect((await modernCall(lab.url, 'echo', { value: 'x' })).status).toBe(200);
  await eventually(lab.counts, ({ refused }) => refused.capacity >= 24 - 18);
  for (const socket of sockets) socket.destroy();
});
