import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Client as DualEraClient,
  StreamableHTTPClientTransport as DualEraTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { CreateMessageRequestSchema, SubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import type { JsonRpcMessage } from '../../src/protocol/json-rpc.ts';
import type { ClientContext, RawClient, RawServer } from '../../src/sources/raw-server.ts';
import { createParkable } from '../fixtures/parkable.ts';
import { eventually, startLab } from './running.ts';
import { connectSse, openSse, textIn } from './sse-client.ts';
import { initialize, toolCall } from './wire.ts';

/** A module of the legacy SDK whose tools report progress and ask the client. */
function legacyServer() {
  const server = new McpServer({ name: 'old', version: '1' }, { capabilities: { resources: { subscribe: true } } });
  server.server.setRequestHandler(SubscribeRequestSchema, async ({ params: { uri } }) => {
    await server.server.sendResourceUpdated({ uri });
    return {};
  });
  server.registerTool('steps', { inputSchema: { count: z.number() } }, async ({ count }, extra) => {
    const progressToken = extra._meta?.progressToken ?? '';
    for (let progress = 1; progress <= count; progress++) {
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress } });
    }
    // This SDK's client drops progress that comes in one piece with the answer.
    await sleep(50);
    return { content: [{ type: 'text', text: 'done' }] };
  });
  server.registerTool('ask', {}, async () => {
    const { content } = await server.server.createMessage({ messages: [], maxTokens: 1 });
    return { content: [{ type: 'text', text: `client says ${'text' in content ? content.text : ''}` }] };
  });
  return server;
}

describe('the old SDK’s client', () => {
  test('lists, calls, hears progress, subscribes and is asked, against a server of its SDK', async () => {
    const lab = await startLab({ transport: 'sse' }, legacyServer);
    const asked = new Client({ name: 'old', version: '1' }, { capabilities: { sampling: {} } });
    const answer = { model: 'm', role: 'assistant', content: { type: 'text', text: 'hello' } } as const;
    asked.setRequestHandler(CreateMessageRequestSchema, () => answer);
    const updated: unknown[] = [];
    asked.fallbackNotificationHandler = async ({ params }) => void updated.push(params?.['uri']);
    const client = await connectSse(lab.origin, asked);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['steps', 'ask']);
    const steps: number[] = [];
    await client.callTool({ name: 'steps', arguments: { count: 3 } }, undefined, {
      onprogress: ({ progress }) => void steps.push(progress),
    });
    expect(steps).toEqual([1, 2, 3]);
    expect(await client.callTool({ name: 'ask' })).toMatchObject({ content: [{ text: 'client says hello' }] });
    await client.subscribeResource({ uri: 'lab://thing' });
    expect(updated).toEqual(['lab://thing']);
  });

  test('and the new clients are served on one port', async () => {
    const lab = await startLab({ transport: 'http-compat' });
    const old = await connectSse(lab.origin);
    const streamable = new Client({ name: 'streamable', version: '1' });
    const transport = new StreamableHTTPClientTransport(new URL(lab.url));
    await streamable.connect(transport as Parameters<Client['connect']>[0]);
    onTestFinished(() => streamable.close());
    const modern = new DualEraClient(
      { name: 'modern', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    );
    await modern.connect(new DualEraTransport(new URL(lab.url)));
    onTestFinished(() => modern.close());
    for (const client of [old, streamable, modern] as Client[]) {
      const echoed = await client.callTool({ name: 'echo', arguments: { value: 'x' } });
      expect(echoed).toMatchObject({ content: [{ text: 'x' }] });
    }
    expect(await lab.counts()).toMatchObject({ active: 2, sessions: { active: 2 }, streams: { sse: 1 } });
    expect(await lab.metric('mcp_open_streams{kind="sse"}')).toBe(1);
    expect(await (await fetch(lab.origin)).json()).toMatchObject({ serverTransport: 'http-compat' });
  });

  test('whose call times out cancels it in the handler', async () => {
    const lab = await startLab({ transport: 'sse' });
    const client = await connectSse(lab.origin);
    const call = client.callTool({ name: 'wait', arguments: { ms: 20_000 } }, undefined, { timeout: 200 });
    await expect(call).rejects.toThrow(/timed out/i);
    await eventually(
      () => lab.notes.cancelled.length,
      (cancelled) => cancelled === 1,
    );
    expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
  });
});

test('each transport serves its own paths, and says which one serves the others', async () => {
  const [sse, streamable] = [await startLab({ transport: 'sse' }), await startLab()];
  const said = async (url: string, method: string) => {
    const answer = await fetch(url, { method });
    return [answer.status, ((await answer.json()) as { error: { message: string } }).error.message];
  };
  const elsewhere = (path: string, transport: string, place: string) => [
    404,
    `Nothing is served at ${path} with --transport ${transport}: MCP is at ${place}. --transport http-compat serves both.`,
  ];
  expect(await said(sse.url, 'POST')).toEqual(elsewhere('/mcp', 'sse', '/sse'));
  expect(await said(`${streamable.origin}/sse`, 'GET')).toEqual(elsewhere('/sse', 'streamable-http', '/mcp'));
  const messages = `${streamable.origin}/messages?sessionId=x`;
  expect(await said(messages, 'POST')).toEqual(elsewhere('/messages', 'streamable-http', '/mcp'));
  expect(await said(`${sse.origin}/other`, 'GET')).toEqual([404, 'Nothing is served at /other. MCP is at /sse.']);
});

test('the first event says where to send, and answers are events without ids', async () => {
  const lab = await startLab({ transport: 'sse' });
  const stream = await openSse(lab.origin);
  expect(stream.headers.get('content-type')).toBe('text/event-stream');
  expect(stream.frames).toEqual([{ event: 'endpoint', data: `/messages?sessionId=${stream.id}` }]);
  const accepted = await stream.post(initialize('2024-11-05'));
  expect([accepted.status, await accepted.text()]).toEqual([202, 'Accepted']);
  await stream.answer('init');
  expect(Object.keys(stream.frames[1] ?? {})).toEqual(['event', 'data']);
  expect(stream.messages[0]).toMatchObject({ id: 'init', result: { protocolVersion: '2024-11-05' } });
});

test('an idle stream is kept alive every 15 s', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const lab = await startLab({ transport: 'sse' });
  const stream = await openSse(lab.origin);
  for (const kept of [1, 2]) {
    vi.advanceTimersByTime(15_000);
    await eventually(
      () => stream.frames.length,
      (length) => length === 1 + kept,
    );
    expect(stream.frames.at(-1)).toEqual({ '': 'keepalive' });
  }
});

describe('what is wrong is said, and costs nothing after', () => {
  const message = { jsonrpc: '2.0', id: 1, method: 'ping' };
  const json = { 'content-type': 'application/json' };
  const cases: readonly [string, number, RegExp, RequestInit][] = [
    ['no JSON', 400, /not valid JSON/, { headers: json, body: '{' }],
    [
      'a batch',
      400,
      /one JSON-RPC message. Got a batch of 2/,
      { headers: json, body: JSON.stringify([message, message]) },
    ],
    ['no JSON-RPC', 400, /one JSON-RPC message. Got something else/, { headers: json, body: '{"id":1}' }],
    ['nothing', 400, /not valid JSON/, { headers: json, body: '' }],
    ['another type', 415, /Content-Type must be application\/json/, { body: JSON.stringify(message) }],
    ['a compressed body', 415, /Content-Encoding/, { headers: { ...json, 'content-encoding': 'gzip' }, body: 'x' }],
    [
      'a large body',
      413,
      /may have 2048 bytes/,
      { headers: json, body: JSON.stringify({ ...message, params: { x: 'x'.repeat(3_000) } }) },
    ],
    ['another method', 405, /takes POST/, { method: 'PUT', headers: json, body: JSON.stringify(message) }],
    [
      'a foreign origin',
      403,
      /--allowed-origins/,
      { headers: { ...json, origin: 'https://evil.test' }, body: JSON.stringify(message) },
    ],
  ];

  test.for(cases)('%s gets %i', async ([, status, text, init]) => {
    const lab = await startLab({ transport: 'sse', maxBody: '2KiB' });
    const stream = await openSse(lab.origin);
    const answer = await fetch(stream.endpoint, { method: 'POST', ...init });
    expect(answer.status).toBe(status);
    expect(await answer.text()).toMatch(text);
    expect(await stream.call({ ...message, id: 'after' } as { id: string })).toMatchObject({ result: {} });
    expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
  });

  test('a session that nobody knows, or none at all', async () => {
    const lab = await startLab({ transport: 'sse' });
    const post = (query: string) =>
      fetch(`${lab.origin}/messages${query}`, { method: 'POST', headers: json, body: JSON.stringify(message) });
    const stream = await openSse(lab.origin);
    for (const id of [`${stream.id.slice(0, -1)}-`, 'x', '../../berth/hello', 'x'.repeat(3_000)]) {
      expect((await post(`?sessionId=${encodeURIComponent(id)}`)).status, id).toBe(404);
    }
    for (const query of ['', '?', '?sessionId=', '?session_id=x']) expect((await post(query)).status, query).toBe(400);
  });

  test('a GET that takes no events, or another method than GET', async () => {
    const lab = await startLab({ transport: 'sse' });
    const asked = await fetch(`${lab.origin}/sse`, { headers: { accept: 'application/json' } });
    expect(asked.status).toBe(406);
    const posted = await fetch(`${lab.origin}/sse`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify(initialize()),
    });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, OPTIONS']);
    expect((await fetch(`${lab.origin}/sse`, { method: 'OPTIONS' })).headers.get('access-control-allow-methods')).toBe(
      'GET',
    );
    expect((await lab.counts()).active).toBe(0);
  });

  test('a body that does not arrive in time', async () => {
    const lab = await startLab({ transport: 'sse', bodyTimeout: '300ms' });
    const stream = await openSse(lab.origin);
    const { port, pathname, search } = new URL(stream.endpoint);
    const socket = connect(Number(port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk;
    });
    socket.write(
      `POST ${pathname}${search} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{`,
    );
    await eventually(
      () => answer,
      (text) => text.startsWith('HTTP/1.1 408'),
    );
    expect(await stream.call(toolCall(1, 'echo', { value: 'x' }))).toMatchObject({ id: 1 });
  });

  test('an id in flight, or one request too many', async () => {
    const lab = await startLab({ transport: 'sse', maxRequestsPerSession: '2' });
    const stream = await openSse(lab.origin);
    await stream.initialize();
    await stream.post(toolCall(1, 'wait', { ms: 20_000 }));
    const again = await stream.post(toolCall(1, 'echo', { value: 'x' }));
    expect([again.status, await again.text()]).toEqual([400, expect.stringContaining('already in flight')]);
    await stream.post(toolCall(2, 'wait', { ms: 20_000 }));
    const third = await stream.post(toolCall(3, 'echo', { value: 'x' }));
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '1']);
    const cancel = { method: 'notifications/cancelled', params: { requestId: 2 } };
    expect((await stream.post({ jsonrpc: '2.0', ...cancel })).status).toBe(202);
    await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 1);
    expect(textIn(await stream.call(toolCall(4, 'echo', { value: 'x' })))).toBe('x');
  });

  test('more than may wait for a server that is being made', async () => {
    const { definition, notes } = createParkable();
    const lab = await startLab({ transport: 'sse' }, definition);
    const made = Promise.withResolvers<void>();
    notes.hold = made.promise;
    const stream = await openSse(lab.origin);
    expect((await stream.post(initialize('2024-11-05'))).status).toBe(202);
    const params = { progressToken: 1, progress: 1, message: 'x'.repeat(4_000_000) };
    const progress = { jsonrpc: '2.0', method: 'notifications/progress', params };
    for (let i = 0; i < 4; i++) expect((await stream.post(progress)).status).toBe(202);
    const tooMuch = await stream.post(progress);
    expect([tooMuch.status, tooMuch.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await tooMuch.json()).toMatchObject({ id: null, error: { message: expect.stringContaining('Too many') } });
    const call = await stream.post(toolCall(1, 'fill', { filler: 'x'.repeat(1_000_000) }));
    expect([call.status, await call.json()]).toEqual([429, expect.objectContaining({ id: 1 })]);
    // What is short is still taken, and once nothing waits all is.
    expect((await stream.post(toolCall(2, 'count'))).status).toBe(202);
    made.resolve();
    expect(textIn(await stream.answer(2))).toBe('1');
    expect((await stream.post(progress)).status).toBe(202);
    expect(textIn(await stream.call(toolCall(1, 'count')))).toBe('2');
  });
});

/** A server elsewhere that answers nothing before `initialize`, as many do. */
class StrictServer implements RawServer {
  readonly received: JsonRpcMessage[] = [];
  readonly contexts: ClientContext[] = [];
  client: RawClient | undefined;
  closed = false;

  async connect(client: RawClient): Promise<void> {
    this.client = client;
  }

  receive(message: JsonRpcMessage, context: ClientContext): void {
    this.received.push(message);
    this.contexts.push(context);
    if (!('method' in message) || !('id' in message)) return;
    const { id, method, params } = message;
    const [first] = this.received;
    if (method === 'initialize') {
      const result = { protocolVersion: params?.['protocolVersion'], capabilities: {}, serverInfo: {} };
      this.client?.send({ jsonrpc: '2.0', id, result });
    } else if (first !== undefined && 'method' in first && first.method === 'initialize' && method !== 'hang') {
      this.client?.send({ jsonrpc: '2.0', id, result: { method } });
    }
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A source of strict servers, and those that it made for sessions. */
function strictSource(sessions: 'parkable' | 'resident' = 'resident') {
  const servers: StrictServer[] = [];
  const create = ({ era }: { readonly era: string }) => {
    const server = new StrictServer();
    if (era === 'legacy') servers.push(server);
    return server;
  };
  return { servers, definition: { name: 'strict', version: '1', sessions, create } };
}

describe('a client that comes back with a new stream and does not say initialize again', () => {
  test.for(['new SDK', 'old SDK'])('is served by a module of the %s', async (sdk) => {
    const { definition } = createParkable();
    const lab = await startLab({ transport: 'sse' }, sdk === 'new SDK' ? definition : legacyServer);
    const stream = await openSse(lab.origin);
    const answers = await Promise.all(
      [1, 2, 3].map((id) => stream.call({ jsonrpc: '2.0', id, method: 'tools/list' } as { id: number })),
    );
    for (const answer of answers) expect(answer).toMatchObject({ result: { tools: expect.any(Array) } });
    expect(stream.messages).toHaveLength(3);
  });

  test('is introduced to a server of another process', async () => {
    const { servers, definition } = strictSource();
    const lab = await startLab({ transport: 'sse' }, definition);
    const stream = await openSse(lab.origin);
    expect(servers).toEqual([]);
    expect(await stream.call({ jsonrpc: '2.0', id: 1, method: 'a' } as { id: number })).toMatchObject({
      result: { method: 'a' },
    });
    const said = servers[0]?.received.map((message) => 'method' in message && message.method);
    expect(said).toEqual(['initialize', 'notifications/initialized', 'a']);
    expect(servers[0]?.received[0]).toMatchObject({
      params: { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'berth' } },
    });
    // Whoever it is introduced to may want to know who it is.
    const hosts = servers[0]?.contexts.map(({ headers }) => headers['host']);
    expect(hosts).toEqual(Array(3).fill(new URL(lab.origin).host));
    expect(stream.messages).toHaveLength(1);
    const own = await openSse(lab.origin);
    await own.initialize();
    expect(servers[1]?.received[0]).toMatchObject({ id: 'init', params: { clientInfo: { name: 'test' } } });
  });

  test('is told of changed lists', async () => {
    const { definition, notes } = createParkable();
    const lab = await startLab({ transport: 'sse' }, definition);
    const [silent, returned] = [await openSse(lab.origin), await openSse(lab.origin)];
    await returned.call(toolCall(1, 'count'));
    notes.notify?.toolsChanged();
    notes.notify?.resourceUpdated('lab://thing');
    await eventually(
      () => returned.messages.length,
      (length) => length === 2,
    );
    expect(returned.messages[1]).toEqual({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    expect(silent.messages).toEqual([]);
  });
});

test('changes that a module publishes reach the sessions that want to know', async () => {
  const { definition, notes } = createParkable();
  const lab = await startLab({ transport: 'http-compat' }, definition);
  const [subscribed, other] = [await openSse(lab.origin), await openSse(lab.origin)];
  await subscribed.initialize();
  await other.initialize();
  await subscribed.call({ jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 'lab://thing' } } as {
    id: number;
  });
  notes.notify?.resourceUpdated('lab://thing');
  notes.notify?.toolsChanged();
  const told = (stream: typeof other) =>
    stream.messages.flatMap((message) => ('method' in message ? [message.method] : []));
  await eventually(
    () => told(other).length + told(subscribed).length,
    (length) => length === 3,
  );
  expect(told(subscribed)).toEqual(['notifications/resources/updated', 'notifications/tools/list_changed']);
  expect(told(other)).toEqual(['notifications/tools/list_changed']);
});

describe('a server of another process that is lost', () => {
  test('fails the calls it had begun, and a session that can not have another one ends', async () => {
    const { servers, definition } = strictSource();
    const lab = await startLab({ transport: 'sse' }, definition);
    const stream = await openSse(lab.origin);
    await stream.initialize();
    await stream.post({ jsonrpc: '2.0', id: 1, method: 'hang' });
    servers[0]?.client?.lost('The command exited with code 1.');
    expect(await stream.answer(1)).toMatchObject({ error: { message: 'The command exited with code 1.' } });
    await eventually(lab.counts, ({ active }) => active === 0);
    expect([stream.over, servers[0]?.closed]).toEqual([true, true]);
    expect(await lab.metric('mcp_sessions_closed_total{reason="failed"}')).toBe(1);
  });

  test('is replaced where the session may go on, and what was not begun is sent again', async () => {
    const { servers, definition } = strictSource('parkable');
    const lab = await startLab({ transport: 'sse' }, definition);
    const stream = await openSse(lab.origin);
    await stream.initialize();
    await stream.post({ jsonrpc: '2.0', id: 1, method: 'hang' });
    await stream.post({ jsonrpc: '2.0', id: 2, method: 'hang' });
    const lost = servers[0]?.received.find((message) => 'id' in message && message.id === 2) as JsonRpcMessage;
    servers[0]?.client?.lost('The command exited with code 1.', [{ message: lost, context: { headers: {} } }]);
    expect(await stream.answer(1)).toMatchObject({ error: { message: 'The command exited with code 1.' } });
    const again = await eventually(
      () => servers[1]?.received ?? [],
      (received) => received.length === 3,
    );
    expect(again.map((message) => 'method' in message && message.method)).toEqual([
      ...['initialize', 'notifications/initialized', 'hang'],
    ]);
    expect(await stream.call({ jsonrpc: '2.0', id: 3, method: 'b' } as { id: number })).toMatchObject({
      result: { method: 'b' },
    });
  });
});

test('a server that can not be started is said on the stream, and tried again with the next message', async () => {
  const { definition, notes } = createParkable();
  const lab = await startLab({ transport: 'sse' }, definition);
  notes.failures = 1;
  const stream = await openSse(lab.origin);
  expect(await stream.call(initialize('2024-11-05'))).toMatchObject({
    error: { message: 'The server could not be started for this session.' },
  });
  expect(textIn(await stream.call(toolCall(1, 'count')))).toBe('1');
});
