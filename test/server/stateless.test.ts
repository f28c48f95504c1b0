import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { expect, test } from 'vitest';
import { createLab } from '../fixtures/lab.ts';
import { rawSource } from '../fixtures/raw-lab.ts';
import { eventually, startLab } from './running.ts';
import { events, initialize, post, toolCall, VERSION } from './wire.ts';

const stateless = { stateless: 'true' };

test('a client of the SDK is served without a session', async () => {
  const lab = await startLab(stateless);
  const client = new Client({ name: 'test', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(lab.url));
  await client.connect(transport as never);
  expect(transport.sessionId).toBeUndefined();
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
  expect(await client.callTool({ name: 'echo', arguments: { value: 'hi' } })).toMatchObject({
    content: [{ type: 'text', text: 'hi' }],
  });
  await client.close();
  await eventually(lab.counts, ({ active }) => active === 0);
});

test('a call needs no initialize, whatever session it names, and the server object has no id', async () => {
  const lab = await startLab(stateless);
  const answer = await post(lab.url, toolCall(1, 'session'), { 'mcp-session-id': 'made-up' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('mcp-session-id')).toBeNull();
  expect(await answer.json()).toMatchObject({ id: 1, result: { content: [{ text: 'undefined:1' }] } });
});

test('there is nothing to listen to and nothing to end', async () => {
  const lab = await startLab(stateless);
  for (const method of ['GET', 'DELETE']) {
    const answer = await fetch(lab.url, { method, headers: { accept: 'text/event-stream' } });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('POST, OPTIONS');
  }
  expect((await post(lab.url, { jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202);
});

test('a batch with one id twice gets 400', async () => {
  const lab = await startLab(stateless);
  const answer = await post(lab.url, [toolCall(1, 'echo', { value: 'a' }), toolCall(1, 'echo', { value: 'b' })]);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ id: 1, error: { code: -32600 } });
  expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
});

test('each request in flight holds a slot until its handler has settled', async () => {
  const lab = await startLab({ ...stateless, maxConnections: '2' });
  const gone = new AbortController();
  const calls = [1, 2].map((id) => post(lab.url, toolCall(id, 'wait', { ms: 2_500, stubborn: true }), {}, gone.signal));
  await eventually(lab.counts, ({ active }) => active > 0);
  await eventually(
    () => lab.notes.running,
    (running) => running === 2,
  );
  const refused = await post(lab.url, toolCall(3, 'echo', { value: 'x' }));
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ id: 3, error: { code: 503 } });
  gone.abort();
  await Promise.allSettled(calls);
  expect((await post(lab.url, toolCall(4, 'echo', { value: 'x' }))).status).toBe(503);
  await eventually(
    () => lab.notes.running,
    (running) => running === 0,
  );
  expect((await post(lab.url, toolCall(5, 'echo', { value: 'x' }))).status).toBe(200);
  expect(await lab.metric('mcp_requests_in_flight{era="legacy"}')).toBe(0);
});

test('notifications of a call come in its stream, with nothing to resume by', async () => {
  const lab = await startLab(stateless);
  const answer = await post(lab.url, toolCall(1, 'stream', { count: 2, ms: 5 }), { 'mcp-protocol-version': VERSION });
  const seen = [];
  for await (const event of events(answer)) seen.push(event);
  expect(seen.map(({ id }) => id)).toEqual([undefined, undefined, undefined]);
  expect(JSON.parse(seen.at(-1)?.data ?? '')).toMatchObject({ id: 1, result: {} });
});

test('what is wrong with a request is said as with sessions', async () => {
  const lab = await startLab(stateless);
  expect((await post(lab.url, initialize(), { accept: 'application/json' })).status).toBe(406);
  expect((await post(lab.url, toolCall(1, 'echo'), { 'mcp-protocol-version': '1999-01-01' })).status).toBe(400);
  expect((await post(lab.url, [initialize(), toolCall(1, 'echo')])).status).toBe(400);
  const big = { ...initialize(), params: { ...initialize().params, pad: 'x'.repeat(70_000) } };
  expect((await post(lab.url, big)).status).toBe(413);
  expect((await post(lab.url, toolCall(1, 'echo', { value: 'x'.repeat(400_000) }))).status).toBe(200);
});

test('an opening that fails, or whose client leaves, gives its slot back once nothing is made for it any more', async () => {
  const made = Promise.withResolvers<void>();
  let refuse = true;
  const create = async () => {
    if (refuse) throw new Error('not now');
    await made.promise;
    return createLab().definition.create({ era: 'legacy', id: undefined, state: {}, fleetKey: '', onEnd() {} });
  };
  const { source } = await rawSource(createLab().definition);
  const lab = await startLab({ ...stateless, maxConnections: '2' }, undefined, {
    source: { ...source, definition: { name: 'late', version: '1', create } },
  });
  for (let i = 0; i < 3; i++) expect((await post(lab.url, initialize())).status).toBe(500);
  expect((await lab.counts()).active).toBe(0);
  refuse = false;
  const gone = new AbortController();
  const waiting = [initialize(), toolCall(1, 'echo', { value: 'x' })].map((body) =>
    post(lab.url, body, {}, gone.signal),
  );
  await eventually(
    () => lab.metric('mcp_requests_in_flight{era="legacy"}'),
    (count) => (count ?? 0) > 0,
  );
  gone.abort();
  await Promise.allSettled(waiting);
  expect((await post(lab.url, initialize())).status).toBe(503);
  made.resolve();
  await eventually(
    async () => (await post(lab.url, initialize())).status,
    (status) => status === 200,
  );
});

test('a batch whose first request is answered at once is served to its end', async () => {
  const lab = await startLab(stateless);
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  const answers = await (await post(lab.url, [ping, toolCall(2, 'echo', { value: 'x' })])).json();
  expect((answers as { id: number; result?: object }[]).map(({ id, result }) => [id, typeof result])).toEqual([
    [1, 'object'],
    [2, 'object'],
  ]);
});
