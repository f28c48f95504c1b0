import { describe, expect, onTestFinished, test } from 'vitest';
import { collectGarbage } from '../fixtures/collect-garbage.ts';
import { createParkable } from '../fixtures/parkable.ts';
import { eventually, type Settings, startLab } from './running.ts';
import { events, initialize, inSession, messageIn, openSession, post, type ServerEvent, toolCall } from './wire.ts';

async function startParkable(settings: Settings = {}) {
  const { definition, notes } = createParkable();
  const lab = await startLab(settings, definition);
  // One was made at the start, to see what it is.
  Object.assign(notes, { created: 0, open: 0 });
  notes.objects.length = 0;
  return { ...lab, notes };
}

type Parkable = Awaited<ReturnType<typeof startParkable>>;

/** Opens a session whose client can be asked. */
async function openAskable({ url }: Parkable, version?: string): Promise<string> {
  const { params, ...rest } = initialize(version);
  const capabilities = { sampling: {}, roots: { listChanged: true } };
  const answer = await post(url, { ...rest, params: { ...params, capabilities } });
  await answer.text();
  return answer.headers.get('mcp-session-id') ?? '';
}

async function openStream({ url }: Parkable, id: string, lastEventId?: string) {
  const cut = new AbortController();
  onTestFinished(() => cut.abort());
  const resumed = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const headers = { accept: 'text/event-stream', ...inSession(id), ...resumed };
  const answer = await fetch(url, { headers, signal: cut.signal });
  expect(answer.status).toBe(200);
  return { events: events(answer), cut: () => cut.abort() };
}

/** What a tool says; its call must succeed. */
async function call(lab: Parkable, id: string, name: string, args?: Record<string, unknown>): Promise<string> {
  const answer = await post(lab.url, toolCall(`${name}-${++lastCall}`, name, args), inSession(id));
  const body = (await answer.json()) as { result?: { content: { text: string }[] } };
  expect(answer.status, JSON.stringify(body)).toBe(200);
  return body.result?.content[0]?.text ?? JSON.stringify(body);
}
let lastCall = 0;

const ask = (lab: Parkable, id: string, method: string, params: object = {}) =>
  post(lab.url, { jsonrpc: '2.0', id: method, method, params }, inSession(id));

const end = (lab: Parkable, id: string) => fetch(lab.url, { method: 'DELETE', headers: inSession(id) });

const parkedCount = (lab: Parkable, count: number) =>
  eventually(lab.counts, ({ sessions }) => sessions.parked === count);

/** Parks a session of a server with one slot: another one needs that. */
async function parkByNeed(lab: Parkable, id: string): Promise<string> {
  const other = await openSession(lab.url);
  await end(lab, other);
  const { active, sessions } = await lab.counts();
  expect({ id, active, sessions }).toEqual({ id, active: 0, sessions: { active: 0, dozing: 0, parked: 1 } });
  return other;
}

/** The next message of a stream. */
async function nextMessage(stream: AsyncGenerator<ServerEvent>) {
  for (;;) {
    const { value, done } = await stream.next();
    if (done === true) throw new Error('The stream ended.');
    if (value.data !== '') return { ...value, message: messageIn(value) };
  }
}

test('a pod says how many parked sessions it can keep', async () => {
  expect(await (await startParkable({ maxConnections: '3' })).counts()).toMatchObject({ maxParked: 30 });
  expect(await (await startParkable({ maxParked: '7' })).counts()).toMatchObject({ maxParked: 7 });
  expect(await (await startParkable({ maxParked: '0' })).counts()).not.toHaveProperty('maxParked');
});

describe('a quiet session', () => {
  test('is parked after --park-after, and its next request finds everything as it was', async () => {
    const lab = await startParkable({ parkAfter: '1s' });
    const id = await openAskable(lab, '2025-06-18');
    expect((await ask(lab, id, 'logging/setLevel', { level: 'error' })).status).toBe(200);
    expect((await ask(lab, id, 'resources/subscribe', { uri: 'lab://thing' })).status).toBe(200);
    expect(await call(lab, id, 'count')).toBe('1');
    const client = await call(lab, id, 'client');
    await parkedCount(lab, 1);
    expect(await lab.counts()).toMatchObject({ active: 0, sessions: { active: 0, dozing: 0 } });
    expect(await lab.metric('mcp_sessions{state="parked"}')).toBe(1);
    expect(lab.notes).toMatchObject({ created: 1, open: 0, ended: [] });

    expect(await call(lab, id, 'count')).toBe('2');
    expect(lab.notes).toMatchObject({ created: 2, open: 1, subscribed: ['lab://thing', 'lab://thing'] });
    expect(await lab.counts()).toMatchObject({ active: 1, sessions: { active: 1, dozing: 0, parked: 0 } });
    expect(await call(lab, id, 'client')).toBe(client);
    expect(JSON.parse(client)).toEqual({
      capabilities: { sampling: {}, roots: { listChanged: true } },
      client: { name: 'test', version: '1' },
      version: '2025-06-18',
    });
    const { events: stream } = await openStream(lab, id);
    await call(lab, id, 'log', { level: 'debug' });
    await call(lab, id, 'log', { level: 'error' });
    expect((await nextMessage(stream)).message).toMatchObject({ params: { level: 'error' } });
    lab.notes.notify?.resourceUpdated('lab://thing');
    expect((await nextMessage(stream)).message).toMatchObject({ params: { uri: 'lab://thing' } });
  });

  test('keeps its event log', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const id = await openSession(lab.url);
    const stream = await openStream(lab, id);
    await call(lab, id, 'tell', { text: 'one' });
    const one = await nextMessage(stream.events);
    stream.cut();
    await eventually(lab.counts, ({ streams }) => streams.standalone === 0);
    await call(lab, id, 'tell', { text: 'two' });
    await parkByNeed(lab, id);
    const resumed = await openStream(lab, id, one.id);
    expect((await nextMessage(resumed.events)).message).toMatchObject({ params: { data: 'two' } });
    await call(lab, id, 'tell', { text: 'three' });
    expect((await nextMessage(resumed.events)).message).toMatchObject({ params: { data: 'three' } });
  });

  test('is told of its end when it ends, not when it is parked, and once', async () => {
    const lab = await startParkable({ maxConnections: '1', sessionIdleTimeout: '2s' });
    const [a, b] = [await openSession(lab.url), await openSession(lab.url)];
    expect(await call(lab, a, 'count')).toBe('1');
    expect(await call(lab, b, 'count')).toBe('1');
    expect(lab.notes).toMatchObject({ created: 4, ended: [] });
    expect((await end(lab, b)).status).toBe(200);
    expect((await end(lab, a)).status).toBe(200);
    const c = await openSession(lab.url);
    await parkedCount(lab, 0);
    const d = await openSession(lab.url);
    await eventually(
      () => lab.notes.ended.length,
      (length) => length === 4,
    );
    const ended = [b, a].map((id) => ({ id, reason: 'deleted' }));
    expect(lab.notes.ended.slice(0, 2)).toEqual(ended);
    expect(lab.notes.ended.slice(2)).toEqual(expect.arrayContaining([c, d].map((id) => ({ id, reason: 'expired' }))));
    expect(lab.notes.open).toBe(0);
    for (const id of [a, b, c, d]) expect((await ask(lab, id, 'ping')).status).toBe(404);
  });

  test('goes to its end with the server, parked or not', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const [a, b] = [await openSession(lab.url), await openSession(lab.url)];
    expect(await lab.stop()).toMatchObject({ sessionsClosed: 2, callsCut: 0 });
    const ends = [a, b].map((id) => ({ id, reason: 'drained' }));
    expect(lab.notes.ended).toHaveLength(2);
    expect(lab.notes.ended).toEqual(expect.arrayContaining(ends));
  });
});

describe('a session with nothing but a stream', () => {
  test('dozes after --park-after: it holds its slot, and no server object', async () => {
    const lab = await startParkable({ parkAfter: '1s' });
    const id = await openSession(lab.url);
    const { events: stream } = await openStream(lab, id);
    await call(lab, id, 'count');
    await eventually(lab.counts, ({ sessions }) => sessions.dozing === 1);
    expect(await lab.counts()).toMatchObject({ active: 1, sessions: { active: 0, parked: 0 } });
    expect(lab.notes).toMatchObject({ created: 1, open: 0, ended: [] });
    await eventually(
      () => {
        collectGarbage();
        return lab.notes.objects.filter((object) => object.deref() !== undefined).length;
      },
      (left) => left === 0,
    );

    lab.notes.notify?.toolsChanged();
    expect((await nextMessage(stream)).message).toMatchObject({ method: 'notifications/tools/list_changed' });
    expect((await ask(lab, id, 'ping')).status).toBe(200);
    expect(lab.notes.created).toBe(1);

    await call(lab, id, 'tell', { text: 'awake' });
    expect((await nextMessage(stream)).message).toMatchObject({ params: { data: 'awake' } });
    expect(await call(lab, id, 'count')).toBe('2');
    expect(lab.notes.created).toBe(2);
    expect((await lab.counts()).sessions).toEqual({ active: 1, dozing: 0, parked: 0 });
    await end(lab, id);
    expect(lab.notes.ended).toEqual([{ id, reason: 'deleted' }]);
  });

  test('may have been parked: its GET takes a slot and wakes nothing', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const id = await openSession(lab.url);
    await parkByNeed(lab, id);
    const { created } = lab.notes;
    const stream = await openStream(lab, id);
    expect(await lab.counts()).toMatchObject({ active: 1, sessions: { active: 0, dozing: 1, parked: 0 } });
    expect(lab.notes.created).toBe(created);
    expect((await post(lab.url, initialize())).status).toBe(503);
    stream.cut();
    await eventually(lab.counts, ({ streams }) => streams.standalone === 0);
    await parkByNeed(lab, id);
  });
});

describe('a parked session', () => {
  test('answers a ping and stays parked', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const id = await openSession(lab.url);
    await parkByNeed(lab, id);
    const { created } = lab.notes;
    const answer = await ask(lab, id, 'ping');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ jsonrpc: '2.0', id: 'ping', result: {} });
    expect(lab.notes.created).toBe(created);
    expect(await lab.counts()).toMatchObject({ active: 0, sessions: { active: 0, dozing: 0, parked: 1 } });
  });

  test('can be deleted, which takes no slot', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const [id, other] = [await openSession(lab.url), await openSession(lab.url)];
    await openStream(lab, other);
    expect((await end(lab, id)).status).toBe(200);
    expect(lab.notes.ended).toEqual([{ id, reason: 'deleted' }]);
    expect(await lab.metric('mcp_sessions_closed_total{reason="deleted"}')).toBe(1);
    expect((await end(lab, id)).status).toBe(404);
    expect((await lab.counts()).sessions).toEqual({ active: 1, dozing: 0, parked: 0 });
  });

  test('that returns to a full server with nothing to park gets 503, counted apart, and is not lost', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const id = await openSession(lab.url);
    await call(lab, id, 'count');
    const other = await openSession(lab.url);
    const stream = await openStream(lab, other);
    const refused = await post(lab.url, toolCall(1, 'count'), inSession(id));
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const get = await fetch(lab.url, { headers: { accept: 'text/event-stream', ...inSession(id) } });
    expect(get.status).toBe(503);
    expect((await lab.counts()).refused).toMatchObject({ returning: 2, capacity: 0 });
    stream.cut();
    await eventually(lab.counts, ({ streams }) => streams.standalone === 0);
    expect(await call(lab, id, 'count')).toBe('2');
  });

  test('is woken by one server object, however many requests come at once', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const id = await openSession(lab.url);
    await parkByNeed(lab, id);
    const { created } = lab.notes;
    const counts = await Promise.all(Array.from({ length: 20 }, () => call(lab, id, 'count')));
    expect(counts.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(lab.notes.created).toBe(created + 1);
  });

  test('does not start a call that is cancelled while it wakes', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const id = await openSession(lab.url);
    await parkByNeed(lab, id);
    const hold = Promise.withResolvers<void>();
    lab.notes.hold = hold.promise;
    const cancelled = post(lab.url, toolCall(7, 'count'), inSession(id));
    await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 1);
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
    expect((await post(lab.url, cancel, inSession(id))).status).toBe(202);
    expect(await (await cancelled).text()).toBe('');
    expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
    hold.resolve();
    expect(await call(lab, id, 'count')).toBe('1');
  });

  test('lives on when its server object can not be made', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const id = await openSession(lab.url);
    await call(lab, id, 'count');
    const other = await parkByNeed(lab, id);
    lab.notes.failures = 1;
    const failed = await post(lab.url, toolCall(1, 'count'), inSession(id));
    expect(await failed.json()).toMatchObject({ id: 1, error: { code: -32603 } });
    expect(await lab.counts()).toMatchObject({ active: 1, requestsInFlight: { legacy: 0 } });
    expect(await call(lab, id, 'count')).toBe('2');
    await end(lab, id);
    expect(lab.notes.ended).toEqual([other, id].map((ended) => ({ id: ended, reason: 'deleted' })));
  });

  test('may be deleted while it wakes: nothing is left of it, and its end is told once', async () => {
    const lab = await startParkable({ maxConnections: '1' });
    const id = await openSession(lab.url);
    const other = await parkByNeed(lab, id);
    const hold = Promise.withResolvers<void>();
    lab.notes.hold = hold.promise;
    const waiting = post(lab.url, toolCall(1, 'count'), inSession(id));
    await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 1);
    expect((await end(lab, id)).status).toBe(200);
    expect((await waiting).status).toBe(404);
    expect(await lab.counts()).toMatchObject({ active: 0, sessions: { active: 0, dozing: 0, parked: 0 } });
    hold.resolve();
    // Made on its one slot, so the object before it has been dealt with.
    const last = await openSession(lab.url);
    await call(lab, last, 'count');
    await end(lab, last);
    expect(lab.notes.open).toBe(0);
    expect(lab.notes.ended).toEqual([other, id, last].map((ended) => ({ id: ended, reason: 'deleted' })));
  });
});

describe('a full server', () => {
  test('parks the session that has been quiet for longest to open a new one', async () => {
    const lab = await startParkable({ maxConnections: '2' });
    const [a, b] = [await openSession(lab.url), await openSession(lab.url)];
    await call(lab, a, 'count');
    await openSession(lab.url);
    expect((await lab.counts()).sessions).toEqual({ active: 2, dozing: 0, parked: 1 });
    expect(lab.notes.created).toBe(3);
    await call(lab, a, 'count');
    expect(lab.notes.created).toBe(3);
    await call(lab, b, 'count');
    expect(lab.notes.created).toBe(4);
  });

  test('keeps so many records of parked sessions, and ends the oldest for one more', async () => {
    const lab = await startParkable({ maxConnections: '1', maxParked: '2' });
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push(await openSession(lab.url));
    expect((await lab.counts()).sessions).toEqual({ active: 1, dozing: 0, parked: 2 });
    expect(await lab.metric('mcp_sessions_closed_total{reason="evicted"}')).toBe(2);
    expect(lab.notes.ended).toEqual(ids.slice(0, 2).map((id) => ({ id, reason: 'evicted' })));
    const statuses = await Promise.all(ids.map(async (id) => (await ask(lab, id, 'ping')).status));
    expect(statuses).toEqual([404, 404, 200, 200, 200]);
  });

  test.for([
    {
      what: 'a call in flight',
      async begin(lab: Parkable, id: string) {
        const calling = post(lab.url, toolCall(9, 'wait', { ms: 30_000 }), inSession(id));
        await eventually(
          () => lab.notes.running,
          (running) => running === 1,
        );
        return async () => {
          const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 9 } };
          await post(lab.url, cancel, inSession(id));
          await calling;
        };
      },
    },
    {
      what: 'an open stream',
      async begin(lab: Parkable, id: string) {
        const stream = await openStream(lab, id);
        return async () => stream.cut();
      },
    },
    {
      what: 'a request to its client that is not answered',
      async begin(lab: Parkable, id: string) {
        await call(lab, id, 'ask');
        return async () => {
          const stream = await openStream(lab, id);
          const { message } = await nextMessage(stream.events);
          const result = { role: 'assistant', model: 'none', content: { type: 'text', text: 'yes' } };
          const answer = { jsonrpc: '2.0', id: message && 'id' in message ? message.id : undefined, result };
          expect((await post(lab.url, answer, inSession(id))).status).toBe(202);
          stream.cut();
          await eventually(
            () => lab.notes.answers,
            (answers) => answers.length === 1,
          );
          expect(lab.notes.answers).toMatchObject([result]);
        };
      },
    },
  ])('never parks a session with $what', async ({ begin }) => {
    const lab = await startParkable({ maxConnections: '1' });
    const id = await openAskable(lab);
    const finish = await begin(lab, id);
    expect((await post(lab.url, initialize())).status).toBe(503);
    expect((await lab.counts()).sessions).toEqual({ active: 1, dozing: 0, parked: 0 });
    await finish();
    await eventually(
      async () => (await post(lab.url, initialize())).status,
      (status) => status === 200,
    );
    expect((await lab.counts()).sessions).toEqual({ active: 1, dozing: 0, parked: 1 });
    expect(lab.notes.ended).toEqual([]);
  });
});

test('time parks neither a session at work, nor one that waits for its client, nor a resident one', async () => {
  const [lab, resident] = [await startParkable({ parkAfter: '1s' }), await startLab({ parkAfter: '1s' })];
  const [working, asking, quiet] = [await openSession(lab.url), await openAskable(lab), await openSession(lab.url)];
  const calling = post(lab.url, toolCall(9, 'wait', { ms: 30_000 }), inSession(working));
  await call(lab, asking, 'ask');
  await openSession(resident.url);
  await call(lab, quiet, 'count');
  await parkedCount(lab, 1);
  expect((await lab.counts()).sessions).toEqual({ active: 2, dozing: 0, parked: 1 });
  expect((await resident.counts()).sessions).toEqual({ active: 1, dozing: 0, parked: 0 });
  expect((await ask(lab, quiet, 'ping')).status).toBe(200);
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 9 } };
  await post(lab.url, cancel, inSession(working));
  await calling;
  await parkedCount(lab, 2);
});

test('what a woken session asks its client has an id that it has not used before', async () => {
  const lab = await startParkable({ maxConnections: '1' });
  const id = await openAskable(lab);
  const asked = async () => {
    const stream = await openStream(lab, id);
    await call(lab, id, 'ask');
    const { message } = await nextMessage(stream.events);
    const question = message as { readonly id: string | number };
    const result = { role: 'assistant', model: 'none', content: { type: 'text', text: 'yes' } };
    const answer = { jsonrpc: '2.0', id: question.id, result };
    const before = lab.notes.answers.length;
    expect((await post(lab.url, answer, inSession(id))).status).toBe(202);
    await eventually(
      () => lab.notes.answers.length,
      (count) => count === before + 1,
    );
    expect(lab.notes.answers.at(-1)).toMatchObject(result);
    stream.cut();
    await eventually(lab.counts, ({ streams }) => streams.standalone === 0);
    return question.id;
  };
  const first = await asked();
  await parkByNeed(lab, id);
  const second = await asked();
  expect(second).not.toBe(first);
  // The late answer to one that is over is nobody's.
  const late = { jsonrpc: '2.0', id: first, result: { role: 'assistant' } };
  expect((await post(lab.url, late, inSession(id))).status).toBe(202);
  expect(lab.notes.answers).toHaveLength(2);
});

test('a full server of a resident module refuses', async () => {
  const lab = await startLab({ maxConnections: '1' });
  const id = await openSession(lab.url);
  expect((await post(lab.url, initialize())).status).toBe(503);
  expect((await post(lab.url, toolCall(1, 'echo', { value: 'x' }), inSession(id))).status).toBe(200);
  expect(lab.notes.created).toBe(1);
});

test('a session whose state is over 16 KiB stays active, and the log says so once', async () => {
  const lab = await startParkable({ maxConnections: '2', parkAfter: '1s' });
  const large = await openSession(lab.url);
  await call(lab, large, 'fill', { size: 17_000 });
  const small = await openSession(lab.url);
  await call(lab, small, 'fill', { size: 16_000 });
  for (let parked = 1; parked <= 2; parked++) {
    await parkedCount(lab, parked);
    expect((await lab.counts()).sessions).toEqual({ active: 1, dozing: 0, parked });
    if (parked === 1) await openSession(lab.url);
  }
  const logged = lab.logs.filter(({ msg }) => msg === 'Session can not be parked');
  expect(logged).toMatchObject([{ session: large, problem: expect.stringContaining('16384') }]);
  const { created } = lab.notes;
  await call(lab, large, 'count');
  expect(lab.notes.created).toBe(created);
});
