import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { Era } from '../../src/load/clients/client.ts';
import { runLoad } from '../../src/load/load.ts';
import type { LoadPlan } from '../../src/load/plan.ts';
import { eventually, startLab } from '../server/running.ts';
import { jsonResponse, playServer } from './played-server.ts';

const never = new AbortController().signal;
const echo: LoadPlan['wanted'] = { kind: 'tool', name: 'echo' };

function planFor(url: string | URL, more: Partial<LoadPlan> = {}): LoadPlan {
  return {
    url: new URL(url),
    headers: {},
    sessions: 6,
    eras: ['legacy'],
    opening: { concurrency: 3 },
    streams: false,
    duration: 200,
    wanted: echo,
    slow: { readers: 0, bytesPerSecond: 1_024 },
    churn: 0,
    connection: { timeout: 5_000 },
    ...more,
  };
}

const anyTool: LoadPlan['wanted'] = { kind: 'tool', name: 'x', arguments: {} };

function answer(res: ServerResponse, id: unknown): void {
  const text = JSON.stringify({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25' } });
  res.writeHead(200, { 'content-type': 'application/json' }).end(text);
}

/** A server that opens sessions as it must, and answers calls as it is told; it ends with the test. */
async function playMcp(onCall: (res: ServerResponse, id: unknown) => void): Promise<string> {
  const server = createServer(async (req, res) => {
    const { id, method } = JSON.parse((await req.toArray()).join('') || '{}');
    if (method === 'tools/call') onCall(res, id);
    else if (id === undefined) res.writeHead(202).end();
    else answer(res, id);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

const NO_FAILURE = { toolErrors: 0, refused: 0, httpStatuses: {}, jsonRpcErrors: {}, connectionErrors: {} };

test.for<{ era: Era; kind: 'standalone' | 'listen' | 'sse' }>([
  { era: 'legacy', kind: 'standalone' },
  { era: 'modern', kind: 'listen' },
  { era: 'sse', kind: 'sse' },
])(
  'clients of the era $era open, hold a stream each, call without failure, and leave nothing',
  async ({ era, kind }) => {
    const lab = await startLab({ transport: 'http-compat' });
    const counted = Promise.withResolvers<number>();
    const memory = async () => {
      if ((await lab.counts()).active > 0) counted.resolve((await lab.counts()).streams[kind]);
      return 1_000;
    };
    const report = await runLoad(planFor(lab.url, { eras: [era], streams: true, memory }), never);
    expect(report.opening).toMatchObject({ asked: 6, opened: 6, outcomes: { ...NO_FAILURE, results: 6 } });
    expect(await counted.promise).toBe(6);
    expect(report.streams).toMatchObject({ held: 6, opened: 6, endedByServer: 0, outcomes: { results: 0 } });
    expect(report.calls?.call).toEqual({ method: 'tools/call', params: { name: 'echo', arguments: { value: 'x' } } });
    expect(report.calls?.outcomes).toMatchObject(NO_FAILURE);
    expect(report.calls?.outcomes.results).toBeGreaterThanOrEqual(6);
    expect(report.calls?.latency?.p50).toBeGreaterThan(0);
    expect(report.memory).toEqual({ before: 1_000, open: 1_000, perSession: 0 });
    await eventually(lab.counts, ({ active }) => active === 0);
  },
);

test('eras take turns where there are several', async () => {
  const lab = await startLab();
  const report = await runLoad(planFor(lab.url, { eras: ['legacy', 'modern'], wanted: { kind: 'any' } }), never);
  expect(report.calls?.outcomes).toMatchObject(NO_FAILURE);
  expect(await lab.metric('mcp_sessions_opened_total')).toBe(3);
  expect(await lab.metric('mcp_request_duration_seconds_count{method="server/discover"}')).toBe(3);
});

test('over the cap, openings are refused and the rest call on', async () => {
  const lab = await startLab({ maxConnections: '4', evictAfter: '1h' });
  const report = await runLoad(planFor(lab.url, { opening: { rate: 500 } }), never);
  expect(report.opening).toMatchObject({ opened: 4, outcomes: { results: 4, refused: 2, httpStatuses: {} } });
  expect(report.calls?.outcomes).toMatchObject(NO_FAILURE);
});

test('errors of tools and of JSON-RPC are told apart from results', async () => {
  const lab = await startLab();
  const failing = await runLoad(planFor(lab.url, { wanted: { kind: 'tool', name: 'throw' } }), never);
  expect(failing.calls?.outcomes.results).toBe(0);
  expect(failing.calls?.outcomes.toolErrors).toBeGreaterThan(0);
  const unknown = await runLoad(planFor(lab.url, { wanted: { kind: 'method', method: 'no/such', params: {} } }), never);
  expect(unknown.calls?.outcomes).toMatchObject({ results: 0, toolErrors: 0, connectionErrors: {} });
  expect(unknown.calls?.outcomes.jsonRpcErrors[-32601]).toBeGreaterThan(0);
});

test.for<Era>(['legacy', 'sse'])('what is told on the streams of the era %s is counted', async (era) => {
  const lab = await startLab({ transport: 'http-compat' });
  const wanted: LoadPlan['wanted'] = { kind: 'tool', name: 'tell', arguments: { text: 'x'.repeat(100) } };
  const { calls, streams } = await runLoad(planFor(lab.url, { eras: [era], streams: true, wanted }), never);
  expect(calls?.outcomes).toMatchObject(NO_FAILURE);
  const results = calls?.outcomes.results ?? 0;
  expect(results).toBeGreaterThanOrEqual(6);
  expect(streams.events).toBeGreaterThanOrEqual(results);
  expect(streams.bytes).toBeGreaterThan(100 * results);
});

test('at a rate, so many calls are made, and a stall shows in the latencies of all that were due meanwhile', async () => {
  const lab = await startLab();
  const wanted: LoadPlan['wanted'] = { kind: 'tool', name: 'wait', arguments: { ms: 150 } };
  const report = await runLoad(planFor(lab.url, { sessions: 1, rate: 40, duration: 600, wanted }), never);
  // A client that waits for each answer makes four calls; of the 24 that were due, the last ones waited longest.
  expect(report.calls?.outcomes.results).toBeLessThan(6);
  expect(report.calls?.unsent).toBeGreaterThan(15);
  expect(report.calls?.latency?.max).toBeGreaterThan(400);
});

test('with a churn, sessions leave with and without a word and are opened again', async () => {
  const lab = await startLab();
  const report = await runLoad(planFor(lab.url, { streams: true, churn: 50, duration: 400 }), never);
  const { deleted, vanished, lost } = report.churn;
  expect(deleted + vanished).toBeGreaterThanOrEqual(6);
  expect(Math.abs(deleted - vanished)).toBeLessThanOrEqual(1);
  expect(lost).toBe(0);
  expect(report.calls?.outcomes).toMatchObject(NO_FAILURE);
  expect(await lab.metric('mcp_sessions_opened_total')).toBe(6 + deleted + vanished);
  expect(report.streams).toMatchObject({ opened: 6 + deleted + vanished });
});

test('a churn also moves sessions that make no calls', async () => {
  const lab = await startLab();
  const report = await runLoad(planFor(lab.url, { rate: 0, churn: 50 }), never);
  expect(report.calls).toBeUndefined();
  expect(report.churn.deleted).toBeGreaterThanOrEqual(3);
});

test('a session that the server has lost is counted and opened again', async () => {
  let calls = 0;
  const url = await playMcp((res, id) => {
    calls++;
    if (calls === 5) res.writeHead(404).end();
    else answer(res, id);
  });
  const report = await runLoad(planFor(url, { sessions: 1, wanted: anyTool }), never);
  expect(report.churn).toEqual({ deleted: 0, vanished: 0, lost: 1 });
  expect(report.opening.outcomes.results).toBe(2);
  expect(report.calls?.outcomes).toMatchObject({ httpStatuses: { 404: 1 }, connectionErrors: {} });
  expect(report.calls?.outcomes.results).toBeGreaterThan(5);
});

test('a slow reader gets its answers slowly', async () => {
  const lab = await startLab();
  const wanted: LoadPlan['wanted'] = { kind: 'tool', name: 'echo', arguments: { value: 'x'.repeat(200_000) } };
  const slow = { readers: 1, bytesPerSecond: 1_000_000 };
  const report = await runLoad(planFor(lab.url, { sessions: 1, duration: 1_000, wanted, slow }), never);
  expect(report.calls?.outcomes.results).toBeGreaterThan(0);
  expect(report.calls?.outcomes.results).toBeLessThanOrEqual(6);
});

test('a signal ends it early: sessions are deleted, and what was seen is reported', async () => {
  const lab = await startLab();
  const stop = new AbortController();
  const calls = async () => (await lab.metric('mcp_request_duration_seconds_count{method="tools/call"}')) ?? 0;
  const running = runLoad(planFor(lab.url, { duration: 60_000, streams: true }), stop.signal);
  await eventually(calls, (count) => count > 10);
  stop.abort();
  const report = await running;
  expect(report.calls?.seconds).toBeLessThan(5);
  expect(report.calls?.outcomes.results).toBeGreaterThan(0);
  expect((await lab.counts()).sessions.active).toBe(0);
  expect(await lab.metric('mcp_sessions_closed_total{reason="deleted"}')).toBe(6);
});

test('a signal ends it while a server lets openings wait', async () => {
  const server = await playServer(() => undefined);
  const begun = performance.now();
  const report = await runLoad(planFor(server.url), AbortSignal.timeout(100));
  expect(performance.now() - begun).toBeLessThan(4_000);
  expect(report.opening).toMatchObject({ opened: 0, outcomes: { connectionErrors: { unfinished: 3 } } });
});

test('headers are sent with every request', async () => {
  const lab = await startLab();
  const seen = await playServer((socket, text) => {
    expect(text).toContain('Authorization: Bearer x\r\n');
    socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
  });
  const report = await runLoad(planFor(seen.url, { headers: { Authorization: 'Bearer x' } }), never);
  expect(report.opening.outcomes.httpStatuses).toEqual({ 401: 6 });
  expect((await lab.counts()).active).toBe(0);
});

test('a server of nonsense fails each opening, and no call is made', async () => {
  const server = await playServer((socket) => void socket.write('what do you want?\r\n'));
  const report = await runLoad(planFor(server.url), never);
  expect(report.opening).toMatchObject({ opened: 0, outcomes: { connectionErrors: { 'not-http': 6 } } });
  expect(report.calls).toBeUndefined();
});

test('a server that answers JSON but not JSON-RPC is told from one that answers', async () => {
  const server = await playServer((socket) => void socket.write(jsonResponse('{"hello":"world"}')));
  const report = await runLoad(planFor(server.url), never);
  expect(report.opening.outcomes.connectionErrors).toEqual({ 'not-json-rpc': 6 });
});

test('a server that goes away in the middle is asked on, with pauses', async () => {
  const url = await playMcp((res) => void res.destroy());
  const report = await runLoad(planFor(url, { wanted: anyTool }), never);
  const errors = Object.values(report.calls?.outcomes.connectionErrors ?? {}).reduce((sum, count) => sum + count, 0);
  // Six clients in 200 ms, with 50 ms after each failure.
  expect(errors).toBeGreaterThanOrEqual(6);
  expect(errors).toBeLessThanOrEqual(36);
});
