import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, test } from 'vitest';
import { Admission, type AdmissionOptions } from '../../src/server/admission.ts';
import { Gate, type Release } from '../../src/server/gate.ts';
import { Lifecycle } from '../../src/server/lifecycle.ts';
import { MovingMean } from '../../src/server/moving-mean.ts';
import { eventually, type Lab, startLab } from './running.ts';
import { openSse } from './sse-client.ts';
import { inSession, modernCall, openSession, post, toolCall } from './wire.ts';

const running = (lab: Lab, count: number) =>
  eventually(
    () => lab.notes.running,
    (seen) => seen === count,
  );

const cancel = (requestId: number | string) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
});

function admissionOf(gate: Gate, sessions: AdmissionOptions['sessions']): Admission {
  const lifecycle = new Lifecycle();
  lifecycle.enter('serving');
  return new Admission({
    gate,
    lifecycle,
    sessions,
    modernMean: new MovingMean(15, () => 0),
    pressure: { high: false },
  });
}

describe('a subscription that is no text is refused and leaves nothing behind', () => {
  const subscribe = { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: { toString: 1 } } };

  test('with sessions', async () => {
    const lab = await startLab();
    const id = await openSession(lab.url);
    const answer = await post(lab.url, subscribe, inSession(id));
    expect(await answer.json()).toMatchObject({ id: 1, error: { code: -32601 } });
    expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
  });

  test('without', async () => {
    const lab = await startLab({ stateless: 'true' });
    const answer = await post(lab.url, subscribe);
    expect(await answer.json()).toMatchObject({ id: 1, error: { code: -32601 } });
    await eventually(lab.counts, ({ active, requestsInFlight }) => active + requestsInFlight.legacy === 0);
  });

  test('over HTTP+SSE', async () => {
    const lab = await startLab({ transport: 'http-compat' });
    const stream = await (await openSse(lab.origin)).initialize();
    expect(await stream.call(subscribe)).toMatchObject({ error: { code: -32601 } });
    await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 0);
  });
});

test('calls that are cancelled with the POST that they came in count until their handlers settle', async () => {
  const lab = await startLab({ maxRequestsPerSession: '2' });
  const id = await openSession(lab.url, '2025-03-26');
  const headers = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-03-26' };
  const statuses: number[] = [];
  for (let call = 1; call <= 4; call++) {
    const batch = [toolCall(call, 'wait', { ms: 1_500, stubborn: true }), cancel(call)];
    statuses.push((await post(lab.url, batch, headers)).status);
  }
  expect(statuses).toEqual([200, 200, 429, 429]);
  expect(lab.notes.running).toBe(2);
  expect((await lab.counts()).requestsInFlight.legacy).toBe(2);
  await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 0);
  expect(lab.notes.running).toBe(0);
});

test('a session that is deleted keeps its slot until its handlers have settled', async () => {
  const lab = await startLab({ maxConnections: '1' });
  const id = await openSession(lab.url);
  const call = post(lab.url, toolCall(1, 'wait', { ms: 1_000, stubborn: true }), inSession(id));
  await running(lab, 1);
  expect((await fetch(lab.url, { method: 'DELETE', headers: inSession(id) })).status).toBe(200);
  expect((await call).status).toBe(404);
  expect((await lab.counts()).active).toBe(1);
  await expect(openSession(lab.url)).rejects.toThrow('503');
  await running(lab, 0);
  await eventually(lab.counts, ({ active }) => active === 0);
  await openSession(lab.url);
});

test('a slot that is made free for somebody goes to nobody who waits in line', async () => {
  const gate = new Gate(1);
  const held = gate.tryEnter() as Release;
  const patience = new AbortController();
  const waiting = gate.enter(patience.signal);
  const sessions = { canMakeRoom: true, parkOne: () => held, evict: () => held };
  const admission = admissionOf(gate, sessions);
  expect(admission.admitReturning('parked')).toEqual({ release: held });
  expect(admission.admitAfterAll()).toEqual({ release: held });
  expect([gate.held, gate.waiting]).toEqual([1, 1]);
  held();
  const passedOn = await waiting;
  expect([gate.held, gate.waiting]).toEqual([1, 0]);
  passedOn?.();
});

test('over the cap nobody gets the slot that is made free', () => {
  const gate = new Gate(1);
  const [held, over] = [gate.tryEnter() as Release, gate.enterOver()];
  const sessions = { canMakeRoom: true, parkOne: () => held, evict: () => undefined };
  const admission = admissionOf(gate, sessions);
  expect(admission.admitReturning('parked')).toEqual({ refused: 'capacity' });
  expect(gate.held).toBe(1);
  over();
});

test('a modern request that waits gets the slot of a session that becomes quiet', async () => {
  const lab = await startLab({ maxConnections: '1' }, undefined, { sessions: 'parkable' });
  const id = await openSession(lab.url);
  const busy = post(lab.url, toolCall(1, 'wait', { ms: 300 }), inSession(id));
  await running(lab, 1);
  const answer = await modernCall(lab.url, 'echo', { value: 'x' });
  expect(answer.status).toBe(200);
  expect((await busy).status).toBe(200);
  const back = await post(lab.url, toolCall(2, 'echo', { value: 'x' }), inSession(id));
  expect(back.status).toBe(200);
});

test('pings that a server sends keep no session whose client has gone', async () => {
  const lab = await startLab({ maxConnections: '1', sessionIdleTimeout: '2s' }, () => {
    const server = new McpServer({ name: 'pings', version: '1' });
    server.server.oninitialized = () => {
      const timer = setInterval(() => void server.server.ping().catch(() => clearInterval(timer)), 200);
      server.server.onclose = () => clearInterval(timer);
    };
    return server;
  });
  const id = await openSession(lab.url);
  await post(lab.url, { jsonrpc: '2.0', method: 'notifications/initialized' }, inSession(id));
  await sleep(1_000);
  expect((await lab.counts()).active).toBe(1);
  await eventually(lab.counts, ({ active }) => active === 0, 5_000);
});
