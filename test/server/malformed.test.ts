import { McpServer as LegacyMcpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, test } from 'vitest';
import { eventually, startLab } from './running.ts';
import { initialize, inSession, modernPost, openSession, post, toolCall } from './wire.ts';

const list = (extra: object) => ({ jsonrpc: '2.0', id: 1, method: 'tools/list', ...extra });

/** Both SDKs drop such messages without a word; whoever sent them must still be answered. */
const MALFORMED: Readonly<Record<string, unknown>> = {
  'an extra key': list({ foo: 1 }),
  'a result beside the method': list({ result: {} }),
  'an own __proto__ key': '{"jsonrpc":"2.0","id":1,"method":"tools/list","__proto__":{}}',
  '_meta null': list({ params: { _meta: null } }),
  '_meta text': list({ params: { _meta: 'x' } }),
  'a progress token that is a map': list({ params: { _meta: { progressToken: {} } } }),
};

const SERVERS = {
  legacy: () => {
    const server = new LegacyMcpServer({ name: 'old', version: '1' });
    server.registerTool('t', {}, () => ({ content: [] }));
    return server;
  },
  'dual-era': undefined,
} as const;

describe.for(Object.entries(SERVERS))('a server of the %s SDK', ([, server]) => {
  test.for(Object.entries(MALFORMED))('answers a request with %s and counts it no longer', async ([, body]) => {
    const lab = await startLab({}, server);
    const id = await openSession(lab.url);
    const answer = await post(lab.url, body, inSession(id));
    expect([200, 400]).toContain(answer.status);
    expect(await answer.json()).toMatchObject({ error: { code: -32600 } });
    expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
  });

  test('holds no slot for an initialize that its SDK can not read', async () => {
    const lab = await startLab({ maxConnections: '1' }, server);
    const answer = await post(lab.url, { ...initialize(), params: { _meta: null } });
    expect(answer.headers.get('mcp-session-id')).toBeNull();
    expect(await answer.json()).toHaveProperty('error');
    expect((await lab.counts()).active).toBe(0);
  });
});

test.for([undefined, null, 'text', 7, { message: 5 }])('a handler that throws %j is answered', async (thrown) => {
  const lab = await startLab({}, throwing(thrown));
  const id = await openSession(lab.url);
  const answer = await post(lab.url, { jsonrpc: '2.0', id: 1, method: 'odd/method', params: {} }, inSession(id));
  expect(await answer.json()).toMatchObject({ id: 1, error: { code: -32603, message: 'Internal error' } });
  expect(await (await modernPost(lab.url, 'tools/list')).json()).toMatchObject({ error: { code: -32603 } });
  await eventually(lab.counts, ({ requestsInFlight: { legacy, modern } }) => legacy + modern === 0);
});

function throwing(thrown: unknown) {
  const fail = () => {
    throw thrown;
  };
  return () => {
    const server = new McpServer({ name: 'throwing', version: '1' }, { capabilities: { tools: {} } });
    server.server.setRequestHandler('tools/list', fail);
    server.server.fallbackRequestHandler = fail;
    return server;
  };
}

test('a result that is no JSON is answered with an error, in both eras', async () => {
  const lab = await startLab({}, () => {
    const server = new McpServer({ name: 'odd', version: '1' });
    const meta: Record<string, unknown> = {};
    meta['self'] = meta;
    server.registerTool('circle', {}, () => ({ content: [], _meta: meta }));
    return server;
  });
  const id = await openSession(lab.url);
  expect(await (await post(lab.url, toolCall(3, 'circle'), inSession(id))).json()).toMatchObject({
    id: 3,
    error: { code: -32603 },
  });
  const modern = await modernPost(lab.url, 'tools/call', { name: 'circle', arguments: {} });
  expect(await modern.json()).toMatchObject({ id: 1, error: { code: -32603 } });
  await eventually(lab.counts, ({ requestsInFlight: { legacy, modern } }) => legacy + modern === 0);
});

test('an id that is in flight, in a session or in one batch, is not taken again', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const call = post(lab.url, toolCall(1, 'wait', { ms: 400 }), inSession(id));
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  expect((await post(lab.url, toolCall(1, 'echo', { value: 'x' }), inSession(id))).status).toBe(400);
  expect((await call).status).toBe(200);
  const twins = [toolCall(2, 'echo', { value: 'a' }), toolCall(2, 'echo', { value: 'b' })];
  expect((await post(lab.url, twins, inSession(id))).status).toBe(400);
  expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
});

test('a batch counts with all its requests', async () => {
  const lab = await startLab({ maxRequestsPerSession: '2' });
  const id = await openSession(lab.url);
  const three = [1, 2, 3].map((n) => toolCall(n, 'echo', { value: 'x' }));
  expect((await post(lab.url, three, inSession(id))).status).toBe(429);
});

test('a module whose error handler throws harms nobody: the message was taken', async () => {
  const lab = await startLab({}, () => {
    const server = new McpServer({ name: 'touchy', version: '1' });
    server.server.onerror = (error) => {
      throw error;
    };
    return server;
  });
  const id = await openSession(lab.url);
  expect((await post(lab.url, { jsonrpc: '2.0', id: 9, result: {} }, inSession(id))).status).toBe(202);
  expect((await post(lab.url, { jsonrpc: '2.0', id: 1, method: 'ping' }, inSession(id))).status).toBe(200);
});

test('a module that returns one server object for all serves its first session and refuses the next', async () => {
  const shared = new McpServer({ name: 'shared', version: '1' });
  const lab = await startLab({}, () => shared);
  const first = await openSession(lab.url);
  expect((await post(lab.url, initialize())).status).toBe(500);
  expect((await post(lab.url, { jsonrpc: '2.0', id: 1, method: 'ping' }, inSession(first))).status).toBe(200);
  expect((await lab.counts()).active).toBe(1);
});

test('a close that returns nothing, and an end callback that throws, harm nobody', async () => {
  const lab = await startLab(
    {},
    {
      name: 'careless',
      version: '1',
      create(session: { onEnd(callback: () => void): void }) {
        session.onEnd(() => {
          throw new Error('careless');
        });
        const server = new McpServer({ name: 'careless', version: '1' });
        server.close = (() => undefined) as never;
        return server;
      },
    },
  );
  const id = await openSession(lab.url);
  expect((await fetch(lab.url, { method: 'DELETE', headers: inSession(id) })).status).toBe(200);
  expect((await modernPost(lab.url, 'server/discover')).status).toBe(200);
  expect((await lab.counts()).active).toBe(0);
});

test('an initialize that would have to be kept and is large gets 413', async () => {
  const lab = await startLab();
  const large = initialize();
  const params = { ...large.params, clientInfo: { name: 'x'.repeat(70_000), version: '1' } };
  expect((await post(lab.url, { ...large, params })).status).toBe(413);
  expect((await lab.counts()).active).toBe(0);
});

test('a modern notification makes no server object', async () => {
  const lab = await startLab();
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
  const body = { jsonrpc: '2.0', method: 'notifications/anything', params: { _meta: meta } };
  const answer = await post(lab.url, body, {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'notifications/anything',
  });
  expect([answer.status, lab.notes.created]).toEqual([202, 0]);
});

test('a batch that cancels before it asks leaves nothing in flight', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
  await post(lab.url, [cancel, toolCall(7, 'wait', { ms: 20_000 })], inSession(id));
  await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 0);
  expect(lab.notes.running).toBe(0);
});

test('a session that its module closes in the middle of a batch leaves nothing in flight', async () => {
  const lab = await startLab({}, () => {
    const server = new McpServer({ name: 'quitting', version: '1' });
    server.server.onerror = () => void server.close();
    return server;
  });
  const id = await openSession(lab.url);
  await post(
    lab.url,
    [
      { jsonrpc: '2.0', id: 99, result: {} },
      { jsonrpc: '2.0', id: 1, method: 'ping' },
    ],
    inSession(id),
  );
  await eventually(lab.counts, ({ active, requestsInFlight }) => active === 0 && requestsInFlight.legacy === 0);
});

test('an error whose data is no JSON is answered in the modern era too', async () => {
  const data: Record<string, unknown> = {};
  data['self'] = data;
  const lab = await startLab({}, throwing(Object.assign(new Error('odd'), { data })));
  expect(await (await modernPost(lab.url, 'tools/list')).json()).toMatchObject({ error: { code: -32603 } });
  await eventually(lab.counts, ({ active }) => active === 0);
});

test('an initialize dressed up as a modern call is still one session, admitted or refused', async () => {
  const lab = await startLab({ maxConnections: '1' });
  const dressed = () => post(lab.url, initialize(), { 'mcp-method': 'tools/call' });
  expect((await dressed()).status).toBe(200);
  expect((await dressed()).status).toBe(503);
  expect((await lab.counts()).active).toBe(1);
});

test('a session that is gone gets 404 for a large body as well, so that its client opens another', async () => {
  const lab = await startLab();
  const body = toolCall(1, 'echo', { value: 'x'.repeat(200_000) });
  expect((await post(lab.url, body, inSession('gone'))).status).toBe(404);
});
