import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createParkable } from '../fixtures/parkable.ts';
import { type Member, startFleet } from './fleet-lab.ts';
import { eventually, startLab } from './running.ts';
import { connectSse, openSse, type Refused, textIn } from './sse-client.ts';
import { modernCall, openSession, toolCall } from './wire.ts';

type Two = readonly [Member, Member];
type Three = readonly [Member, Member, Member];

const echo = (id: number) => toolCall(id, 'echo', { value: `call ${id}` });

describe('any pod takes the messages of any stream', () => {
  test('answers come on the stream, refusals to whoever sent', async () => {
    const { members } = await startFleet(3, { transport: 'sse', maxRequestsPerSession: '1' });
    const [owner] = members as unknown as Three;
    const stream = await openSse(owner.origin);
    for (const [id, { origin }] of members.entries()) {
      expect(textIn(await stream.call(echo(id), origin))).toBe(`call ${id}`);
      expect((await stream.post('{', origin)).status).toBe(400);
      expect((await fetch(stream.endpoint.replace(owner.origin, origin), { method: 'POST', body: 'x' })).status).toBe(
        415,
      );
    }
    await stream.post(toolCall(10, 'wait', { ms: 20_000 }), members[1]?.origin);
    for (const { origin } of members) expect((await stream.post(echo(11), origin)).status).toBe(429);
    const wrong = `/messages?sessionId=${stream.id.slice(0, 8)}${'x'.repeat(22)}`;
    const headers = { 'content-type': 'application/json' };
    for (const { origin } of members) {
      const answer = await fetch(origin + wrong, { method: 'POST', headers, body: JSON.stringify(echo(1)) });
      expect(answer.status).toBe(404);
    }
    stream.leave();
    await eventually(owner.counts, ({ active }) => active === 0);
    for (const { origin } of members) expect((await stream.post(echo(12), origin)).status).toBe(404);
  });

  test('also when it has a session of another kind by that id', async () => {
    const { members } = await startFleet(2, { transport: 'http-compat' });
    const [owner, other] = members as unknown as Two;
    const [id, stream] = [await openSession(owner.url), await openSse(owner.origin)];
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    for (const { origin, url } of [owner, other]) {
      const query = `/messages?sessionId=${id}`;
      const sent = await fetch(origin + query, { method: 'POST', headers, body: JSON.stringify(echo(1)) });
      expect(sent.status).toBe(404);
      const inStream = { ...headers, 'mcp-session-id': stream.id };
      expect((await fetch(url, { method: 'POST', headers: inStream, body: JSON.stringify(echo(1)) })).status).toBe(404);
    }
    expect(textIn(await stream.call(echo(2), other.origin))).toBe('call 2');
  });
});

test('a stream that finds no slot is passed on to a pod that has one, and the fleet holds exactly all its slots', async () => {
  const { members, sum, settled } = await startFleet(3, { transport: 'http-compat', maxConnections: '3' }, 'resident');
  const [edge] = members as unknown as Three;
  const opened = await Promise.allSettled([
    ...Array.from({ length: 6 }, () => openSse(edge.origin)),
    ...Array.from({ length: 6 }, () => openSession(edge.url)),
  ]);
  const streams = opened.flatMap((result) =>
    result.status === 'fulfilled' && typeof result.value !== 'string' ? [result.value] : [],
  );
  expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(9);
  expect(await sum(({ active }) => active)).toBe(9);
  for (const { origin } of members) {
    expect(await openSse(origin).catch((error: Refused) => error.body)).toMatchObject({
      error: 'Server at capacity',
      max_connections: 3,
    });
  }
  expect((await modernCall(edge.url, 'echo', { value: 'x' })).status).toBe(503);
  for (const [id, stream] of streams.entries()) {
    for (const [index, { origin }] of members.entries()) {
      expect(await stream.call(echo(10 * id + index), origin)).toMatchObject({ result: {} });
    }
    expect(stream.headers.has('x-berth-session')).toBe(false);
    stream.leave();
  }
  await settled(({ streams: { sse } }) => sse, 0);
  expect(await sum(({ active }) => active)).toBe(9 - streams.length);
});

test('a pod that does not serve HTTP+SSE is passed by', async () => {
  const { members, add } = await startFleet(1, { transport: 'http-compat', maxConnections: '1' });
  const other = await add({ transport: 'streamable-http' });
  const [full] = members as [Member];
  const stream = await openSse(full.origin);
  const refused = await openSse(full.origin).catch((error: Refused) => error);
  expect(refused).toMatchObject({ status: 503 });
  expect((await other.counts()).active).toBe(0);
  expect(textIn(await stream.call(echo(1)))).toBe('call 1');
});

test('a change that a module publishes on one pod reaches the streams of all', async () => {
  const modules = [createParkable(), createParkable()];
  const { members } = await startFleet(
    2,
    { transport: 'sse' },
    'parkable',
    modules.map(({ definition }) => definition),
  );
  const streams = await Promise.all(members.map(({ origin }) => openSse(origin)));
  for (const stream of streams) await stream.initialize();
  modules[0]?.notes.notify?.toolsChanged();
  for (const stream of streams) {
    const last = await eventually(
      () => stream.messages.at(-1),
      (message) => message !== undefined && 'method' in message,
    );
    expect(last).toMatchObject({ method: 'notifications/tools/list_changed' });
  }
});

describe('a pod that leaves', () => {
  test('closes idle streams one by one with a retry of their own, and those with calls when these end', async () => {
    const lab = await startLab({ transport: 'sse', drainWindow: '600ms', longestCall: '10s' });
    const streams = await Promise.all(Array.from({ length: 4 }, () => openSse(lab.origin)));
    const busy = await openSse(lab.origin);
    await busy.post(toolCall(1, 'wait', { ms: 1_200 }));
    await eventually(
      () => lab.notes.running,
      (running) => running === 1,
    );
    const closed: number[] = [];
    const begun = performance.now();
    const watching = streams.map(async (stream) => {
      await eventually(
        () => stream.over,
        (over) => over,
      );
      closed.push(performance.now() - begun);
    });
    const stopped = lab.stop();
    await Promise.all(watching);
    expect(Math.max(...closed) - Math.min(...closed)).toBeGreaterThan(300);
    const retries = streams.map(({ frames }) => Number(frames.at(-1)?.['retry']));
    for (const retry of retries) expect(retry).toBeGreaterThanOrEqual(500);
    expect(new Set(retries).size).toBe(4);
    expect(busy.over).toBe(false);
    expect(textIn(await busy.call(echo(2)))).toBe('call 2');
    const refused = await openSse(lab.origin).catch((error: Refused) => error);
    expect(refused).toMatchObject({ status: 503, body: { error: 'Server is shutting down' } });
    expect(textIn(await busy.answer(1))).toBe('waited');
    expect(await stopped).toEqual({ sessionsHandedOver: 0, sessionsClosed: 5, callsFinished: 1, callsCut: 0 });
    expect(busy.frames.at(-1)).toEqual({ retry: expect.any(String) });
    expect(lab.notes.ended).toEqual(['drained', 'drained'].slice(0, lab.notes.ended.length));
  });

  test('serves everything at first', async () => {
    const lab = await startLab({ transport: 'sse', drainDelay: '500ms' });
    const stream = await openSse(lab.origin);
    void lab.stop();
    expect(textIn(await stream.call(echo(1)))).toBe('call 1');
    expect(textIn(await (await openSse(lab.origin)).call(echo(1)))).toBe('call 1');
  });

  test('cuts, counts and tells a call that is longer than the longest call', async () => {
    const lab = await startLab({ transport: 'sse', longestCall: '300ms' });
    const stream = await openSse(lab.origin);
    await stream.post(toolCall(1, 'wait', { ms: 20_000 }));
    await eventually(
      () => lab.notes.running,
      (running) => running === 1,
    );
    expect(await lab.stop()).toMatchObject({ sessionsClosed: 1, callsCut: 1 });
    expect(await stream.answer(1)).toMatchObject({ error: { message: 'The server is shutting down.' } });
  });

  test('loses no message that is on its way in when its stream’s turn comes', async () => {
    const lab = await startLab({ transport: 'sse', longestCall: '5s' });
    const stream = await openSse(lab.origin);
    const body = new TransformStream<Uint8Array, Uint8Array>();
    const writer = body.writable.getWriter();
    const bytes = new TextEncoder().encode(JSON.stringify(echo(1)));
    const sent = fetch(stream.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body.readable,
      duplex: 'half',
    } as RequestInit);
    await writer.write(bytes.slice(0, 10));
    await sleep(100);
    const stopped = lab.stop();
    await sleep(200);
    expect(stream.over).toBe(false);
    await writer.write(bytes.slice(10));
    await writer.close();
    expect((await sent).status).toBe(202);
    expect(textIn(await stream.answer(1))).toBe('call 1');
    expect(await stopped).toMatchObject({ sessionsClosed: 1, callsCut: 0 });
  });

  test('sends its old clients to a peer, where their calls go on without a new initialize', async () => {
    const { members } = await startFleet(2, { transport: 'sse', drainWindow: '200ms', longestCall: '10s' });
    const [leaving, staying] = members as unknown as Two;
    let origin = leaving.origin;
    // Stands in for the Service, which sends new connections to those that are ready.
    const throughService = (url: string | URL, init?: RequestInit) => {
      const { pathname, search } = new URL(url);
      return fetch(origin + pathname + search, init);
    };
    const client = new Client({ name: 'old', version: '1' });
    const transport = new SSEClientTransport(new URL(`${leaving.origin}/sse`), {
      fetch: throughService,
      eventSourceInit: { fetch: throughService },
    });
    await client.connect(transport as Parameters<Client['connect']>[0]);
    onTestFinished(() => client.close());
    const waiting = client.callTool({ name: 'wait', arguments: { ms: 700 } });
    await eventually(
      () => leaving.notes.running,
      (running) => running === 1,
    );
    origin = staying.origin;
    const stopped = leaving.stop();
    expect(await client.callTool({ name: 'echo', arguments: { value: 'meanwhile' } })).toMatchObject({
      content: [{ text: 'meanwhile' }],
    });
    expect(await waiting).toMatchObject({ content: [{ text: 'waited' }] });
    expect(await stopped).toMatchObject({ sessionsClosed: 1, callsFinished: 1, callsCut: 0 });
    await eventually(staying.counts, ({ streams }) => streams.sse === 1);
    await sleep(50);
    expect(await client.callTool({ name: 'echo', arguments: { value: 'after' } })).toMatchObject({
      content: [{ text: 'after' }],
    });
  });

  test('passes new streams on to a peer, and closes those that run through it when their calls end', async () => {
    const { members } = await startFleet(2, {
      transport: 'sse',
      maxConnections: '1',
      drainWindow: '200ms',
      longestCall: '10s',
    });
    const [edge, owner] = members as unknown as Two;
    const own = await openSse(edge.origin);
    const relayed = await openSse(edge.origin);
    expect((await owner.counts()).streams.sse).toBe(1);
    await relayed.post(toolCall(1, 'wait', { ms: 900 }));
    await eventually(
      () => owner.notes.running,
      (running) => running === 1,
    );
    const stopped = edge.stop();
    await eventually(
      () => own.over,
      (over) => over,
    );
    await sleep(300);
    expect(relayed.over).toBe(false);
    expect(textIn(await relayed.call(echo(2)))).toBe('call 2');
    expect(textIn(await relayed.answer(1))).toBe('waited');
    expect(await stopped).toMatchObject({ sessionsClosed: 1, callsCut: 0 });
    await eventually(
      () => relayed.over,
      (over) => over,
    );
    expect(Number(relayed.frames.at(-1)?.['retry'])).toBeGreaterThanOrEqual(500);
    await eventually(owner.counts, ({ active }) => active === 0);
    // Whoever comes back finds room at the owner.
    expect(textIn(await (await openSse(owner.origin)).call(echo(3)))).toBe('call 3');
  });

  test('opens the streams of those who come too late at a peer', async () => {
    const { members } = await startFleet(2, { transport: 'sse', drainWindow: '100ms', longestCall: '10s' });
    const [leaving, staying] = members as unknown as Two;
    const busy = await openSse(leaving.origin);
    await busy.post(toolCall(1, 'wait', { ms: 800 }));
    const stopped = leaving.stop();
    await eventually(
      () => leaving.server.reports.connections(),
      (counts) => counts?.draining === true,
    );
    await sleep(200);
    const late = await openSse(leaving.origin);
    expect((await staying.counts()).streams.sse).toBe(1);
    await late.post(toolCall(1, 'wait', { ms: 1_200 }));
    expect(textIn(await late.answer(1))).toBe('waited');
    expect(await stopped).toMatchObject({ callsCut: 0 });
    await eventually(
      () => late.over,
      (over) => over,
    );
    expect(late.frames.at(-1)).toEqual({ retry: expect.any(String) });
  });

  test('leaves behind ids that are unknown', async () => {
    const { members } = await startFleet(2, { transport: 'sse' });
    const [leaving, staying] = members as unknown as Two;
    const stream = await openSse(leaving.origin);
    await leaving.stop();
    expect((await stream.post(echo(1), staying.origin)).status).toBe(404);
    const client = await connectSse(staying.origin);
    expect((await client.listTools()).tools.length).toBeGreaterThan(3);
  });
});
