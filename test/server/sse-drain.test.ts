import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Member, startFleet } from './fleet-lab.ts';
import { eventually, startLab } from './running.ts';
import { connectSse, openSse, type Refused, type SseStream, textIn } from './sse-client.ts';
import { toolCall } from './wire.ts';

type Two = readonly [Member, Member];

const echo = (id: number) => toolCall(id, 'echo', { value: `call ${id}` });

const closed = (stream: SseStream) =>
  eventually(
    () => stream.over,
    (over) => over,
    10_000,
  );

describe('a pod that leaves', () => {
  test('closes idle streams one by one with a retry of their own, and those with calls when these end', async () => {
    const lab = await startLab({ transport: 'sse', drainWindow: '1500ms', longestCall: '10s' });
    const streams = await Promise.all(Array.from({ length: 4 }, () => openSse(lab.origin)));
    const busy = await openSse(lab.origin);
    await busy.post(toolCall(1, 'wait', { ms: 3_000 }));
    await eventually(
      () => lab.notes.running,
      (running) => running === 1,
    );
    const times: number[] = [];
    const begun = performance.now();
    const watching = streams.map(async (stream) => {
      await closed(stream);
      times.push(performance.now() - begun);
    });
    const stopped = lab.stop();
    await Promise.all(watching);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(300);
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
    // The others had not said a word, so nothing was made for them.
    expect(lab.notes.ended).toEqual(['drained']);
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
    const [stream, idle] = [await openSse(lab.origin), await openSse(lab.origin)];
    const headers = { 'content-type': 'application/json', expect: '100-continue' };
    const sending = request(stream.endpoint, { method: 'POST', headers });
    sending.flushHeaders();
    await once(sending, 'continue');
    const stopped = lab.stop();
    // Its turn comes after the other's.
    await closed(idle);
    expect(stream.over).toBe(false);
    sending.end(JSON.stringify(echo(1)));
    const [{ statusCode }] = (await once(sending, 'response')) as [IncomingMessage];
    expect(statusCode).toBe(202);
    expect(textIn(await stream.answer(1))).toBe('call 1');
    expect(await stopped).toMatchObject({ sessionsClosed: 2, callsCut: 0 });
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
    // Until it has read where to send to now, it sends to where nobody is.
    const call = () => client.callTool({ name: 'echo', arguments: { value: 'after' } }).catch(() => undefined);
    await expect.poll(call).toMatchObject({ content: [{ text: 'after' }] });
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
    await closed(own);
    expect(textIn(await relayed.call(echo(2)))).toBe('call 2');
    expect(textIn(await relayed.answer(1))).toBe('waited');
    expect(await stopped).toMatchObject({ sessionsClosed: 1, callsCut: 0 });
    await closed(relayed);
    expect(Number(relayed.frames.at(-1)?.['retry'])).toBeGreaterThanOrEqual(500);
    await eventually(owner.counts, ({ active }) => active === 0);
    // Whoever comes back finds room at the owner.
    expect(textIn(await (await openSse(owner.origin)).call(echo(3)))).toBe('call 3');
  });

  test('opens the streams of those who come too late at a peer', async () => {
    const { members } = await startFleet(2, { transport: 'sse', drainWindow: '100ms', longestCall: '10s' });
    const [leaving, staying] = members as unknown as Two;
    const [busy, idle] = [await openSse(leaving.origin), await openSse(leaving.origin)];
    await busy.post(toolCall(1, 'wait', { ms: 1_500 }));
    const stopped = leaving.stop();
    await closed(idle);
    // At the end of the window sockets are closed that have nothing to do, a new one before its request among them.
    const late = (await eventually(
      () => openSse(leaving.origin).catch(() => undefined),
      (opened) => opened !== undefined,
    )) as SseStream;
    expect((await staying.counts()).streams.sse).toBe(1);
    await late.post(toolCall(1, 'wait', { ms: 2_000 }), staying.origin);
    expect(textIn(await late.answer(1))).toBe('waited');
    expect(await stopped).toMatchObject({ callsCut: 0 });
    await closed(late);
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
