import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, test } from 'vitest';
import { createLab } from '../fixtures/lab.ts';
import { rawSource } from '../fixtures/raw-lab.ts';
import { eventually, type Settings, startLab } from './running.ts';
import { events, initialize, inSession, modernCall, modernPost, openSession, post, toolCall } from './wire.ts';

async function startRaw(sessions: 'parkable' | 'resident' = 'resident', settings: Settings = {}) {
  const { definition, notes } = createLab();
  const { source, made } = await rawSource(definition, sessions);
  const lab = await startLab(settings, undefined, { source });
  return { ...lab, made, notes };
}

const call = (lab: { url: string }, id: string, message: unknown) => post(lab.url, message, inSession(id));

describe('a session whose server another process runs', () => {
  test('is served as it is, with one server of its own, which goes with it', async () => {
    const lab = await startRaw();
    const [one, other] = [await openSession(lab.url), await openSession(lab.url)];
    const answer = await call(lab, one, toolCall(1, 'echo', { value: 'hi' }));
    expect(await answer.json()).toMatchObject({ id: 1, result: { content: [{ text: 'hi' }] } });
    expect(lab.made.length).toBe(2);
    await fetch(lab.url, { method: 'DELETE', headers: inSession(one) });
    expect(lab.made.map(({ closed }) => closed)).toEqual([true, false]);
    expect((await call(lab, other, toolCall(2, 'echo', { value: 'x' }))).status).toBe(200);
  });

  test('gets the headers of its client, and what its server says while a call runs', async () => {
    const lab = await startRaw();
    const id = await openSession(lab.url);
    const answer = await post(lab.url, toolCall(1, 'stream', { count: 2, ms: 5 }), {
      ...inSession(id),
      authorization: 'Bearer one',
    });
    const seen = [];
    for await (const event of events(answer)) if (event.data !== '') seen.push(JSON.parse(event.data));
    expect(seen.map(({ method, id }) => method ?? id)).toEqual(['notifications/message', 'notifications/message', 1]);
    expect(lab.made[0]?.contexts.at(-1)?.headers['authorization']).toBe('Bearer one');
  });

  test('counts a call until it is answered or called off', async () => {
    const lab = await startRaw();
    const id = await openSession(lab.url);
    const waiting = call(lab, id, toolCall(1, 'wait', { ms: 60_000 }));
    await eventually(
      () => lab.notes.running,
      (running) => running === 1,
    );
    expect(await lab.metric('mcp_requests_in_flight{era="legacy"}')).toBe(1);
    await call(lab, id, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    expect(await (await waiting).text()).toBe('');
    // Its server may go on with it for all we know.
    expect(await lab.metric('mcp_requests_in_flight{era="legacy"}')).toBe(1);
    await eventually(
      () => lab.metric('mcp_requests_in_flight{era="legacy"}'),
      (count) => count === 0,
    );
    await eventually(
      () => lab.notes.cancelled.length,
      (cancelled) => cancelled === 1,
    );
  });

  test('says what HTTP says where its server does, and costs no slot when that was at its opening', async () => {
    const lab = await startRaw();
    const refusing = { status: 401, headers: { 'www-authenticate': 'Bearer realm="x"' }, body: 'no' };
    const id = await openSession(lab.url);
    const [server] = lab.made;
    if (server === undefined) throw new Error('No server was made.');
    server.receive = (message) => 'id' in message && server.client?.answer(message.id as number, refusing);
    const refused = await call(lab, id, toolCall(1, 'echo', { value: 'x' }));
    expect([refused.status, refused.headers.get('www-authenticate'), await refused.text()]).toEqual([
      401,
      'Bearer realm="x"',
      'no',
    ]);
    expect((await lab.counts()).active).toBe(1);
  });

  test('ends with its server: calls that ran say why, and the next request is told to begin anew', async () => {
    const lab = await startRaw();
    const [id, other] = [await openSession(lab.url), await openSession(lab.url)];
    const waiting = call(lab, id, toolCall(1, 'wait', { ms: 60_000 }));
    await eventually(
      () => lab.notes.running,
      (running) => running === 1,
    );
    lab.made[0]?.client?.lost('The server tripped.');
    const answer = await waiting;
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { jsonrpc: '2.0', id: 1, error: { code: -32000, message: 'The server tripped.' } },
    ]);
    expect((await call(lab, id, toolCall(2, 'echo', { value: 'x' }))).status).toBe(404);
    expect((await call(lab, other, toolCall(2, 'echo', { value: 'x' }))).status).toBe(200);
    expect((await lab.counts()).active).toBe(1);
  });

  test('goes on with another server when it is parkable, and what was not begun is done by that one', async () => {
    const lab = await startRaw('parkable');
    const id = await openSession(lab.url);
    const [server] = lab.made;
    if (server === undefined) throw new Error('No server was made.');
    server.receive = (message, context) => server.client?.lost('Forgotten.', [{ message, context }]);
    const answer = await call(lab, id, toolCall(1, 'echo', { value: 'again' }));
    expect(await answer.json()).toMatchObject({ id: 1, result: { content: [{ text: 'again' }] } });
    expect(lab.made.length).toBe(2);
    const [, second] = lab.made;
    expect(second?.heard.map((message) => 'method' in message && message.method)).toEqual([
      'initialize',
      'notifications/initialized',
      'tools/call',
    ]);
    expect(lab.made.map(({ closed }) => closed)).toEqual([true, false]);
  });

  test('gives up on a request that no server begins', async () => {
    const lab = await startRaw('parkable');
    const id = await openSession(lab.url);
    const forget = (server: (typeof lab.made)[number] | undefined) => {
      if (server === undefined) throw new Error('No server was made.');
      const { receive } = server;
      server.receive = (message, context) => {
        const lose = 'method' in message && message.method === 'tools/call';
        if (lose) server.client?.lost('Forgotten.', [{ message, context }]);
        else receive.call(server, message, context);
      };
    };
    forget(lab.made[0]);
    const push = lab.made.push.bind(lab.made);
    lab.made.push = (server) => {
      forget(server);
      return push(server);
    };
    const answer = await call(lab, id, toolCall(1, 'echo', { value: 'x' }));
    expect(await answer.json()).toMatchObject({ id: 1, error: { message: 'Forgotten.' } });
    expect(lab.made.length).toBe(2);
  });

  test('may be parked when it is parkable, and its server goes meanwhile', async () => {
    const lab = await startRaw('parkable', { parkAfter: '1s' });
    const id = await openSession(lab.url);
    await eventually(lab.counts, ({ active }) => active === 0);
    await eventually(
      () => lab.made[0]?.closed,
      (closed) => closed === true,
    );
    expect((await call(lab, id, toolCall(1, 'echo', { value: 'x' }))).status).toBe(200);
  });

  test('may use the id of a call that it called off again, and gets no late answer to that', async () => {
    const lab = await startRaw();
    const id = await openSession(lab.url);
    const [server] = lab.made;
    if (server === undefined) throw new Error('No server was made.');
    server.receive = () => {};
    const first = call(lab, id, toolCall(1, 'echo', { value: 'old' }));
    await eventually(
      () => lab.metric('mcp_requests_in_flight{era="legacy"}'),
      (count) => count === 1,
    );
    await call(lab, id, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    expect(await (await first).text()).toBe('');
    server.client?.send({ jsonrpc: '2.0', id: 1, result: { old: true } });
    const second = call(lab, id, toolCall(1, 'echo', { value: 'new' }));
    await eventually(
      () => lab.metric('mcp_requests_in_flight{era="legacy"}'),
      (count) => count === 1,
    );
    server.client?.send({ jsonrpc: '2.0', id: 1, result: { old: false } });
    expect(await (await second).json()).toMatchObject({ result: { old: false } });
  });

  test('is not kept for ever by a question that nobody answers', async () => {
    const lab = await startRaw('resident', { sessionIdleTimeout: '1s' });
    await openSession(lab.url);
    lab.made[0]?.client?.send({ jsonrpc: '2.0', id: 0, method: 'roots/list' });
    await eventually(
      () => lab.made[0]?.closed,
      (closed) => closed === true,
    );
    expect((await lab.counts()).active).toBe(0);
  });

  test('has an answer to one server never taken for an answer to the next', async () => {
    const lab = await startRaw('parkable');
    const id = await openSession(lab.url);
    const stream = await fetch(lab.url, { headers: { accept: 'text/event-stream', ...inSession(id) } });
    const heard: { id?: string; method?: string; params?: { requestId?: string } }[] = [];
    const reading = (async () => {
      for await (const event of events(stream)) if (event.data !== '') heard.push(JSON.parse(event.data));
    })();
    lab.made[0]?.client?.send({ jsonrpc: '2.0', id: 0, method: 'roots/list' });
    await eventually(
      () => heard,
      (all) => all.length === 1,
    );
    lab.made[0]?.client?.lost('Tripped.');
    expect((await call(lab, id, toolCall(1, 'echo', { value: 'x' }))).status).toBe(200);
    lab.made[1]?.client?.send({ jsonrpc: '2.0', id: 0, method: 'roots/list' });
    await eventually(
      () => heard,
      (all) => all.length === 3,
    );
    const [first, calledOff, second] = heard;
    expect(calledOff).toMatchObject({ method: 'notifications/cancelled', params: { requestId: first?.id } });
    expect(second?.id).not.toBe(first?.id);
    for (const { id: asked } of [first ?? {}, second ?? {}]) {
      await call(lab, id, { jsonrpc: '2.0', id: asked, result: { roots: [{ uri: `file:///${asked}` }] } });
    }
    const answers = () => lab.made[1]?.heard.filter((message) => 'result' in message) ?? [];
    await eventually(answers, (all) => all.length === 1);
    expect(answers()).toEqual([{ jsonrpc: '2.0', id: 0, result: { roots: [{ uri: `file:///${second?.id}` }] } }]);
    await fetch(lab.url, { method: 'DELETE', headers: inSession(id) });
    await reading;
  });

  test('hears why its server would not go on with it', async () => {
    const { source, made } = await rawSource(createLab().definition, 'parkable');
    const refuse = (id: number | string) => ({
      status: 401,
      headers: { 'www-authenticate': 'Bearer', 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32000, message: 'Token has expired' } }),
    });
    let refusing = false;
    const create: typeof source.definition.create = async (session) => {
      const server = (await source.definition.create(session)) as (typeof made)[number];
      const { receive } = server;
      server.receive = (message, context) => {
        if (refusing && 'method' in message && 'id' in message) server.client?.answer(message.id, refuse(message.id));
        else receive.call(server, message, context);
      };
      return server;
    };
    const definition = { ...source.definition, create };
    const expected = [401, 'Bearer', { jsonrpc: '2.0', id: 7, error: { code: -32000, message: 'Token has expired' } }];
    const seen = async (answer: Response) => [
      answer.status,
      answer.headers.get('www-authenticate'),
      await answer.json(),
    ];

    const lab = await startLab({ parkAfter: '1s' }, undefined, { source: { ...source, definition } });
    const id = await openSession(lab.url);
    await eventually(lab.counts, ({ active }) => active === 0);
    refusing = true;
    expect(await seen(await call(lab, id, toolCall(7, 'echo', { value: 'x' })))).toEqual(expected);
    refusing = false;
    expect((await call(lab, id, toolCall(8, 'echo', { value: 'x' }))).status).toBe(200);

    const stateless = await startLab({ stateless: 'true' }, undefined, { source: { ...source, definition } });
    refusing = true;
    expect(await seen(await post(stateless.url, toolCall(7, 'echo', { value: 'x' })))).toEqual(expected);
    await eventually(stateless.counts, ({ active }) => active === 0);
  });

  test('holds its server while a reader is away, so that nothing is missing when it comes back', async () => {
    const lab = await startRaw('resident', { maxEventLog: '16KiB' });
    const id = await openSession(lab.url);
    const [server] = lab.made;
    if (server === undefined) throw new Error('No server was made.');
    server.receive = () => {};
    const leave = new AbortController();
    const stream = await post(lab.url, toolCall(1, 'flood'), inSession(id), leave.signal).then(async (response) => {
      server.client?.send({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 0 } }, 1);
      return response;
    });
    const reader = events(stream);
    const first = (await reader.next()).value;
    leave.abort();
    await eventually(
      () => lab.metric('mcp_open_streams{kind="request"}'),
      (open) => open === 0,
    );
    let sent = 0;
    const flood = (async () => {
      for (let data = 1; data <= 40; data++, sent++) {
        const params = { level: 'info', data: `${data}:${'x'.repeat(1_000)}` };
        await server.client?.send({ jsonrpc: '2.0', method: 'notifications/message', params }, 1);
      }
      server.client?.send({ jsonrpc: '2.0', id: 1, result: {} });
    })();
    await eventually(
      () => sent,
      (count) => count > 3,
    );
    expect(sent).toBeLessThan(16);
    const headers = { accept: 'text/event-stream', 'last-event-id': first?.id ?? '', ...inSession(id) };
    const numbers: number[] = [];
    for await (const { data } of events(await fetch(lab.url, { headers }))) {
      if (data !== '') numbers.push(Number.parseInt(JSON.parse(data).params?.data ?? '-1', 10));
    }
    await flood;
    expect(numbers.filter((number) => number > 0)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });

  test('takes a bounded amount of messages while its server is started again', async () => {
    const { definition } = createLab();
    const { source } = await rawSource(definition, 'parkable');
    const start = Promise.withResolvers<void>();
    let made = 0;
    const create: typeof source.definition.create = async (session) => {
      if (made++ > 0) await start.promise;
      return source.definition.create(session);
    };
    const lab = await startLab({ parkAfter: '1s' }, undefined, {
      source: { ...source, definition: { ...source.definition, create } },
    });
    const id = await openSession(lab.url);
    await eventually(lab.counts, ({ active }) => active === 0);
    const big = { jsonrpc: '2.0', method: 'notifications/big', params: { data: 'x'.repeat(3 * 1024 * 1024) } };
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) statuses.push((await call(lab, id, big)).status);
    expect(statuses).toEqual([202, 202, 202, 202, 202, 429, 429, 429]);
    start.resolve();
    await eventually(
      async () => (await call(lab, id, big)).status,
      (status) => status === 202,
    );
  });

  test('is refused when its server can not be had', async () => {
    const { source } = await rawSource(createLab().definition);
    const definition = {
      ...source.definition,
      create: () => ({
        connect: () => Promise.reject(new Error('no such server')),
        receive() {},
        close: () => Promise.resolve(),
      }),
    };
    const lab = await startLab({}, undefined, { source: { ...source, definition } });
    const refused = await post(lab.url, initialize());
    expect(refused.status).toBe(500);
    await eventually(lab.counts, ({ active }) => active === 0);
  });
});

describe('the modern era, for a server of the legacy one', () => {
  test('every request has a server of its own, which is gone after it', async () => {
    const lab = await startRaw();
    expect(await (await modernPost(lab.url, 'server/discover')).json()).toMatchObject({
      result: { capabilities: { tools: {} } },
    });
    expect(lab.made.length).toBe(0);
    for (const value of ['a', 'b']) {
      const answer = await (await modernCall(lab.url, 'echo', { value })).json();
      expect(answer).toMatchObject({ result: { resultType: 'complete', content: [{ text: value }] } });
    }
    expect(lab.made.length).toBe(2);
    await eventually(
      () => lab.made.map(({ closed }) => closed),
      (closed) => closed.every(Boolean),
    );
    expect((await lab.counts()).active).toBe(0);
  });

  test('a client that leaves calls its call off', async () => {
    const lab = await startRaw();
    const gone = new AbortController();
    const waiting = modernCall(lab.url, 'wait', { ms: 60_000 }, gone.signal);
    await eventually(
      () => lab.notes.running,
      (running) => running === 1,
    );
    gone.abort();
    await expect(waiting).rejects.toThrow();
    await eventually(
      () => lab.notes.cancelled.length,
      (cancelled) => cancelled === 1,
    );
    await eventually(lab.counts, ({ active }) => active === 0);
  });

  test('errors of the server are its own', async () => {
    const lab = await startRaw();
    expect(await (await modernPost(lab.url, 'resources/read', { uri: 'no:such' })).json()).toMatchObject({
      error: { code: expect.any(Number), message: expect.any(String) },
    });
  });

  test('a client of the SDK lists, calls, and hears progress', async () => {
    const lab = await startRaw();
    const client = new Client(
      { name: 'test', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } as never } },
    );
    await client.connect(new StreamableHTTPClientTransport(new URL(lab.url)));
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
    expect(await client.callTool({ name: 'echo', arguments: { value: 'hi' } })).toMatchObject({
      content: [{ type: 'text', text: 'hi' }],
    });
    await client.close();
  });

  test('a listener hears what its own server tells, and leaves none behind', async () => {
    const lab = await startRaw();
    const leave = new AbortController();
    const filter = { notifications: { toolsListChanged: true } };
    const stream = await modernPost(lab.url, 'subscriptions/listen', filter, leave.signal);
    const heard: { method?: string }[] = [];
    const reading = (async () => {
      for await (const event of events(stream)) if (event.data !== '') heard.push(JSON.parse(event.data));
    })().catch(() => {});
    await eventually(
      () => heard,
      (all) => all.length === 1,
    );
    expect(lab.made.length).toBe(1);
    lab.made[0]?.client?.send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    await eventually(
      () => heard,
      (all) => all.length === 2,
    );
    expect(heard[1]).toMatchObject({ method: 'notifications/tools/list_changed' });
    expect((await lab.counts()).active).toBe(1);
    leave.abort();
    await reading;
    await eventually(
      () => lab.made.every(({ closed }) => closed),
      (closed) => closed,
    );
    await eventually(lab.counts, ({ active }) => active === 0);
  });

  test('a subscription that the server refuses is refused in its words', async () => {
    const lab = await startRaw();
    const filter = { notifications: { resourceSubscriptions: ['a:b'] } };
    const answer = await modernPost(lab.url, 'subscriptions/listen', filter);
    expect([answer.status, await answer.json()]).toMatchObject([200, { id: 1, error: { code: -32601 } }]);
    await eventually(lab.counts, ({ active }) => active === 0);
  });
});
