import { describe, expect, test } from 'vitest';
import { createParkable } from '../fixtures/parkable.ts';
import { type Member, startFleet } from './fleet-lab.ts';
import { eventually } from './running.ts';
import { openSse, type Refused, textIn } from './sse-client.ts';
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
  await settled(({ active }) => active, 9 - streams.length);
  expect(await sum(({ streams: { sse } }) => sse)).toBe(0);
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
