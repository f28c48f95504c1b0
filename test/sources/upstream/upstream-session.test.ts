import { describe, expect, test } from 'vitest';
import { basics, json, type Script, stream } from '../../fixtures/upstream/scripted.ts';
import { openScripted, until } from './raw-client.ts';

const result = (id: unknown, text: string) => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } });
const note = (data: unknown) => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } });

/** Answers calls by the name of the tool; everything else as any server does. */
const tools =
  (byName: Record<string, Script>, sessionId?: string): Script =>
  (seen, res, req) => {
    if (seen.message?.method === 'tools/call') return byName[String(seen.message.params?.['name'])]?.(seen, res, req);
    basics(seen, res, sessionId);
  };

test('answers come as they are: JSON, a batch, a stream with what belongs to the call before it', async () => {
  const { client, begin, call } = await openScripted(
    tools({
      json: ({ message }, res) => json(res, result(message.id, 'json')),
      batch: ({ message }, res) => json(res, [note(1), result(message.id, 'batch')]),
      stream: ({ message }, res) => {
        const write = stream(res);
        write(note(2));
        write(result(message.id, 'stream'));
        res.end();
      },
    }),
  );
  await begin();
  for (const name of ['json', 'batch', 'stream']) {
    call(name, name);
    await until(() => client.responseTo(name) !== undefined);
    expect(client.responseTo(name)).toEqual(result(name, name));
  }
  const notes = client.sent.filter(({ message }) => 'method' in message);
  expect(notes).toEqual([
    { message: note(1), relatedTo: 'batch' },
    { message: note(2), relatedTo: 'stream' },
  ]);
});

test('headers of the client go on, those of the connection and of berth do not', async () => {
  const { upstream, client, begin, call } = await openScripted(
    tools({ any: ({ message }, res) => json(res, result(message.id, '')) }, 'up-1'),
  );
  await begin();
  call(1, 'any', {
    host: 'public.example',
    authorization: 'Bearer x',
    'x-tenant': 'blue',
    traceparent: '00-1-2-03',
    'user-agent': 'tester',
    cookie: 'a=b',
    origin: 'http://localhost',
    connection: 'keep-alive, x-hop',
    'x-hop': '1',
    'keep-alive': 'timeout=5',
    te: 'trailers',
    'transfer-encoding': 'chunked',
    'content-length': '99999',
    'accept-encoding': 'br',
    'mcp-session-id': 'the-client’s',
    'mcp-protocol-version': '2024-11-05',
    'last-event-id': '3-4',
    'x-berth-hop': '1',
    'x-forwarded-for': '10.1.2.3',
    forwarded: 'for=10.9.9.9',
  });
  await until(() => client.responseTo(1) !== undefined);
  const { headers } = upstream.asked('tools/call')[0] as { headers: Record<string, string> };
  expect(headers).toMatchObject({
    host: new URL(upstream.url).host,
    authorization: 'Bearer x',
    'x-tenant': 'blue',
    traceparent: '00-1-2-03',
    'user-agent': 'tester',
    cookie: 'a=b',
    'accept-encoding': 'identity',
    accept: 'application/json, text/event-stream',
    'mcp-session-id': 'up-1',
    'mcp-protocol-version': '2025-11-25',
    'x-forwarded-for': '10.1.2.3, 192.0.2.7',
    'x-forwarded-host': 'public.example',
    'x-forwarded-proto': 'http',
  });
  for (const name of ['origin', 'x-hop', 'te', 'transfer-encoding', 'last-event-id', 'forwarded', 'x-berth-hop']) {
    expect(headers).not.toHaveProperty(name);
  }
});

test('what follows initialized waits until the upstream has accepted it', async () => {
  const order: string[] = [];
  const { client, begin, call } = await openScripted((seen, res) => {
    if (seen.message?.method === 'notifications/initialized') {
      setTimeout(() => {
        order.push('initialized');
        res.writeHead(202).end();
      }, 100);
    } else if (seen.message?.method === 'tools/call') {
      order.push('call');
      json(res, result(seen.message.id, ''));
    } else basics(seen, res);
  });
  await begin();
  call(1, 'any');
  await until(() => client.responseTo(1) !== undefined);
  expect(order).toEqual(['initialized', 'call']);
});

describe('what is no success', () => {
  const failing: readonly {
    readonly name: string;
    readonly status: number;
    readonly headers?: Record<string, string>;
    readonly body: (id: unknown) => unknown;
    readonly answer?: Record<string, unknown>;
    readonly response?: Record<string, unknown>;
  }[] = [
    {
      name: '401 with where to get a token',
      status: 401,
      headers: { 'www-authenticate': 'Bearer resource_metadata="http://a/b"', 'x-secret': 'of the upstream' },
      body: () => ({ error: 'invalid_token' }),
      answer: {
        status: 401,
        headers: { 'www-authenticate': 'Bearer resource_metadata="http://a/b"', 'content-type': 'application/json' },
        body: '{"error":"invalid_token"}',
      },
    },
    {
      name: '503 of its own with Retry-After, even with a JSON-RPC body',
      status: 503,
      headers: { 'retry-after': '7' },
      body: (id) => ({ jsonrpc: '2.0', id, error: { code: -1, message: 'busy' } }),
      answer: { status: 503, headers: { 'retry-after': '7', 'content-type': 'application/json' } },
    },
    { name: '429', status: 429, headers: { 'retry-after': '1' }, body: () => 'slow down', answer: { status: 429 } },
    { name: '500 with anything', status: 500, body: () => 'oops', answer: { status: 500, body: '"oops"' } },
    {
      name: '400 with an error to this request',
      status: 400,
      body: (id) => ({ jsonrpc: '2.0', id, error: { code: -32602, message: 'bad' } }),
      response: { error: { code: -32602, message: 'bad' } },
    },
    {
      name: '400 with an error to none',
      status: 400,
      body: () => ({ jsonrpc: '2.0', id: null, error: { code: -32700, message: 'bad' } }),
      answer: { status: 400 },
    },
    {
      name: '404 of an upstream without sessions',
      status: 404,
      body: () => 'nothing here',
      answer: { status: 404 },
    },
  ];
  test.for(failing)('$name', async ({ status, headers, body, answer, response }) => {
    const { client, begin, call } = await openScripted(
      tools({ any: ({ message }, res) => json(res, body(message.id), status, headers) }),
    );
    await begin();
    call(1, 'any');
    await until(() => client.answers.length + (client.responseTo(1) ? 1 : 0) > 0);
    if (answer !== undefined) expect(client.answers[0]).toMatchObject({ id: 1, ...answer });
    if (answer?.['headers'] !== undefined) expect(client.answers[0]?.headers).toEqual(answer['headers']);
    if (response !== undefined) expect(client.responseTo(1)).toMatchObject(response);
    expect(client.losses).toEqual([]);
  });

  test.for([
    [400, -32602, 'Invalid params: "session_date" is required'],
    [400, -32603, 'The database session expired'],
    [400, -32050, 'No session of parliament on that day'],
    [404, -32601, 'Method not found'],
  ] as const)('%i with error %i to this request ends no session: %s', async ([status, code, message]) => {
    const { client, begin, call } = await openScripted(
      tools(
        { any: (seen, res) => json(res, { jsonrpc: '2.0', id: seen.message.id, error: { code, message } }, status) },
        'up-1',
      ),
    );
    await begin();
    call(1, 'any');
    await until(() => client.losses.length > 0 || client.responseTo(1) !== undefined);
    expect(client.losses).toEqual([]);
    expect(client.responseTo(1)).toMatchObject({ error: { code, message } });
  });

  test.for(['099 Odd', '600 Odd', '302 Found', '304 Not Modified', '101 Switching Protocols'])(
    '%s is 502 or an error',
    async (line) => {
      const { client, begin, call } = await openScripted(
        tools({
          any: (_, __, req) => {
            const more = line.startsWith('101') ? 'Upgrade: x\r\nConnection: upgrade' : 'Connection: close';
            req.socket.end(`HTTP/1.1 ${line}\r\nContent-Length: 0\r\n${more}\r\n\r\n`);
          },
        }),
      );
      await begin();
      call(1, 'any');
      await until(() => client.answers.length === 1 || client.responseTo(1) !== undefined);
      if (client.answers.length === 1) expect(client.answers[0]).toMatchObject({ id: 1, status: 502 });
      else expect(client.responseTo(1)).toHaveProperty('error');
    },
  );

  test('an answer that was not understood is described', async () => {
    const { client, begin, call } = await openScripted(
      tools({
        page: (_, res) => void res.writeHead(200, { 'content-type': 'text/html', 'content-encoding': 'br' }).end('x'),
        untyped: ({ message }, res) => void res.writeHead(200).end(JSON.stringify(result(message.id, 'JSON'))),
      }),
    );
    await begin();
    for (const id of ['page', 'untyped']) call(id, id);
    await until(() => ['page', 'untyped'].every((id) => client.responseTo(id) !== undefined));
    expect(client.responseTo('page')).toMatchObject({
      error: { message: expect.stringContaining('(HTTP status 200, Content-Type: text/html, Content-Encoding: br)') },
    });
    expect(client.responseTo('untyped')).toEqual(result('untyped', 'JSON'));
  });

  test('a success without a response says so', async () => {
    const { client, begin, call } = await openScripted(tools({ any: (_, res) => void res.writeHead(202).end() }));
    await begin();
    call(1, 'any');
    await until(() => client.responseTo(1) !== undefined);
    expect(client.responseTo(1)).toMatchObject({ error: { message: expect.stringContaining('without a response') } });
  });

  test('a message that is too long fails its call alone, and names the flag', async () => {
    const long = 'x'.repeat(100_000);
    const { client, begin, call } = await openScripted(
      tools({
        json: ({ message }, res) => json(res, result(message.id, long)),
        stream: ({ message }, res) => void stream(res)(result(message.id, long)),
        short: ({ message }, res) => json(res, result(message.id, 'short')),
      }),
      { maxMessage: 65_536 },
    );
    await begin();
    for (const id of ['json', 'stream', 'short']) call(id, id);
    await until(() => ['json', 'stream', 'short'].every((id) => client.responseTo(id) !== undefined));
    for (const id of ['json', 'stream']) {
      expect(client.responseTo(id)).toMatchObject({ error: { message: expect.stringContaining('--max-message') } });
    }
    expect(client.responseTo('short')).toEqual(result('short', 'short'));
  });
});

describe('a connection that is lost', () => {
  test('in the middle of a call: an error that says what may have happened', async () => {
    const { client, begin, call } = await openScripted(
      tools({
        before: (_, __, req) => void req.socket.destroy(),
        within: (_, res) => {
          stream(res)(note(1));
          setTimeout(() => res.destroy(), 50);
        },
      }),
    );
    await begin();
    for (const id of ['before', 'within']) {
      call(id, id);
      await until(() => client.responseTo(id) !== undefined);
      expect(client.responseTo(id)).toMatchObject({
        error: { code: -32000, message: expect.stringMatching(/closed the connection.*may have been carried out/) },
      });
    }
  });

  test('a call is never sent twice, what changes nothing is', async () => {
    const { upstream, client, begin, call, say } = await openScripted((seen, res, req) => {
      if (!basics(seen, res)) req.socket.destroy();
    });
    await begin();
    // So that there is a kept connection.
    await until(() => upstream.asked('notifications/initialized').length === 1);
    call(1, 'any');
    await until(() => client.responseTo(1) !== undefined);
    expect(upstream.asked('tools/call')).toHaveLength(1);
    say({ method: 'notifications/roots/list_changed' });
    await until(() => upstream.asked('notifications/roots/list_changed').length === 1);
    let lists = 0;
    upstream.script((seen, res, req) => {
      if (seen.message?.method !== 'tools/list') return void basics(seen, res);
      if (++lists === 1) req.socket.destroy();
      else json(res, result(seen.message.id, 'listed'));
    });
    say({ id: 2, method: 'tools/list' });
    await until(() => client.responseTo(2) !== undefined);
    expect(client.responseTo(2)).toEqual(result(2, 'listed'));
  });

  test('a stream with event ids goes on after the last one', async () => {
    const resumed: unknown[] = [];
    const { client, begin, call } = await openScripted((seen, res) => {
      if (seen.message?.method === 'tools/call') {
        const write = stream(res);
        res.write('retry: 20\n');
        write(undefined, 'a-0');
        write(note(1), 'a-1');
        setTimeout(() => res.destroy(), 20);
      } else if (seen.headers['last-event-id'] !== undefined) {
        resumed.push(seen.headers['last-event-id']);
        const write = stream(res);
        // The first time it ends again before there is an answer.
        write(note(resumed.length + 1), `a-${resumed.length + 1}`);
        if (resumed.length === 2) write(result('call', 'late'), 'a-9');
        res.end();
      } else basics(seen, res);
    });
    await begin();
    call('call', 'any');
    await until(() => client.responseTo('call') !== undefined);
    expect(client.responseTo('call')).toEqual(result('call', 'late'));
    expect(resumed).toEqual(['a-1', 'a-2']);
    expect(client.sent.filter(({ relatedTo }) => relatedTo === 'call').map(({ message }) => message)).toEqual(
      [1, 2, 3].map(note),
    );
  });

  test('a stream that goes on with silence, or as something else, fails its call', async () => {
    for (const resumed of ['silence', 'json'] as const) {
      const { client, begin, call } = await openScripted(
        (seen, res) => {
          if (seen.message?.method === 'tools/call') {
            const write = stream(res);
            res.write('retry: 10\n');
            write(undefined, 'a-0');
            res.end();
          } else if (seen.headers['last-event-id'] === undefined) basics(seen, res);
          else if (resumed === 'json') json(res, {});
          else stream(res);
        },
        { resumedSilence: 30 },
      );
      await begin();
      call('call', 'any');
      await until(() => client.responseTo('call') !== undefined);
      expect(client.responseTo('call')).toMatchObject({
        error: { message: expect.stringMatching(/the rest of its answer.*may have been carried out/) },
      });
    }
  });

  test('an upstream that can not be reached is waited for a little, then 502', async () => {
    const { upstream, client, begin, call } = await openScripted(
      tools({ any: ({ message }, res) => json(res, result(message.id, 'back')) }),
    );
    await begin();
    await until(() => upstream.seen.length === 3);
    await upstream.stop();
    // A call over a socket whose end was not noticed yet may have been carried out.
    await new Promise((resolve) => setTimeout(resolve, 100));
    call(1, 'any');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await upstream.start();
    await until(() => client.responseTo(1) !== undefined);
    expect(client.responseTo(1)).toEqual(result(1, 'back'));
    await upstream.stop();
    call(2, 'any');
    await until(() => client.answers.length === 1);
    expect(client.answers[0]).toMatchObject({ id: 2, status: 502 });
    expect(JSON.parse(client.answers[0]?.body ?? '')).toMatchObject({
      jsonrpc: '2.0',
      id: 2,
      error: { message: `The upstream at ${upstream.url} could not be reached: ECONNREFUSED` },
    });
  });
});

describe('an upstream that forgot the session', () => {
  const forgetting: readonly (readonly [string, number, unknown])[] = [
    ['says 404', 404, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }],
    ['says 404 and nothing else', 404, undefined],
    [
      'says 400 and talks of sessions',
      400,
      { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request: No valid session ID provided' } },
    ],
  ];
  test.for(forgetting)('%s: all that it did not begin is given back', async ([, status, body]) => {
    const { upstream, client, begin, call } = await openScripted(
      tools({ begun: (_, res) => void stream(res)(note('begun')) }, 'up-1'),
    );
    await begin();
    call('begun', 'begun');
    await until(() => client.sent.some(({ relatedTo }) => relatedTo === 'begun'));
    upstream.script((_, res) => void setTimeout(() => json(res, body, status), 50));
    for (const id of [1, 2, 3]) call(id, 'any');
    await until(() => client.losses.length > 0);
    expect(client.losses).toHaveLength(1);
    expect(client.losses[0]?.why).toContain('does not know the session any more');
    const ids = client.losses[0]?.notBegun.map(({ message }) => 'id' in message && message.id);
    expect(ids?.sort()).toEqual([1, 2, 3]);
    expect(client.answers).toEqual([]);
  });

  test('is not said goodbye to', async () => {
    const { upstream, client, session, begin, call } = await openScripted(tools({}, 'up-1'));
    await begin();
    upstream.script((_, res) => json(res, {}, 404));
    call(1, 'any');
    await until(() => client.losses.length === 1);
    await session.close();
    expect(upstream.seen.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });
});

describe('the standalone stream', () => {
  test('brings what belongs to no call, and is opened again where it ended', async () => {
    const ids: unknown[] = [];
    const { client, begin } = await openScripted((seen, res) => {
      if (seen.method !== 'GET') return void basics(seen, res, 'up-1');
      ids.push(seen.headers['last-event-id']);
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(`retry: 20\nid: s-${ids.length}\ndata: ${JSON.stringify(note(ids.length))}\n\n`);
      if (ids.length < 3) res.end();
    });
    await begin();
    await until(() => client.sent.filter(({ message }) => 'method' in message).length === 3);
    expect(ids).toEqual([undefined, 's-1', 's-2']);
    expect(client.sent.at(-1)).toEqual({ message: note(3), relatedTo: undefined });
  });

  test('goes on after an id outside Latin-1, and begins anew after one that no header can have', async () => {
    const said = ['日本', 'a\u0001b', 'x'.repeat(3_000), 'last'];
    const ids: (string | undefined)[] = [];
    const { client, begin } = await openScripted((seen, res) => {
      if (seen.method !== 'GET') return void basics(seen, res, 'up-1');
      const id = seen.headers['last-event-id'];
      ids.push(id === undefined ? undefined : Buffer.from(String(id), 'latin1').toString());
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(`retry: 20\nid: ${said[ids.length - 1]}\ndata: ${JSON.stringify(note(ids.length))}\n\n`);
      if (ids.length < said.length) res.end();
    });
    await begin();
    await until(() => client.sent.filter(({ message }) => 'method' in message).length === said.length);
    expect(ids).toEqual([undefined, '日本', undefined, undefined]);
  });

  test('is opened even if the upstream refused to hear that its client is ready', async () => {
    const { client, begin } = await openScripted((seen, res) => {
      if (seen.message?.method === 'notifications/initialized') res.writeHead(503).end();
      else if (seen.method === 'GET') stream(res)(note('unasked'));
      else basics(seen, res, 'up-1');
    });
    await begin();
    await until(() => client.sent.some(({ message }) => 'method' in message));
    expect(client.sent.at(-1)?.message).toEqual(note('unasked'));
  });

  test('brings the answer to a call whose own stream stays open, which is let go of then', async () => {
    let standalone: ReturnType<typeof stream> | undefined;
    let closed = false;
    const { client, begin, call } = await openScripted((seen, res) => {
      if (seen.method === 'GET') standalone = stream(res);
      else if (seen.message?.method === 'tools/call') {
        stream(res)(note('begun'));
        res.once('close', () => {
          closed = true;
        });
        standalone?.(result(seen.message.id, 'elsewhere'));
      } else basics(seen, res, 'up-1');
    });
    await begin();
    await until(() => standalone !== undefined);
    call(1, 'any');
    await until(() => client.responseTo(1) !== undefined);
    await until(() => closed);
    expect(client.responseTo(1)).toEqual(result(1, 'elsewhere'));
  });

  test.for([404, 405, 501])(
    'a server that answers %i has none, or will have one; its session goes on',
    async (status) => {
      const { upstream, client, begin, call } = await openScripted((seen, res) => {
        if (seen.method === 'GET') res.writeHead(status).end('no such thing');
        else if (seen.message?.method === 'tools/call') json(res, result(seen.message.id, 'on'));
        else basics(seen, res, 'up-1');
      });
      await begin();
      await until(() => upstream.seen.some(({ method }) => method === 'GET'));
      call(1, 'any');
      await until(() => client.responseTo(1) !== undefined);
      expect(client.losses).toEqual([]);
    },
  );

  test('that was open and is not known any more tells of a restart', async () => {
    let gets = 0;
    const { client, begin } = await openScripted((seen, res) => {
      if (seen.method !== 'GET') return void basics(seen, res, 'up-1');
      if (++gets > 1)
        return json(res, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }, 404);
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.end('retry: 10\ndata:\n\n');
    });
    await begin();
    await until(() => client.losses.length === 1);
    expect(client.losses[0]?.notBegun).toEqual([]);
  });
});

test('questions of the upstream reach the client, its answers the upstream', async () => {
  const question = { jsonrpc: '2.0', id: 'q-1', method: 'sampling/createMessage', params: {} };
  const { upstream, client, begin, call, say } = await openScripted(
    tools({
      ask: ({ message }, res) => {
        const write = stream(res);
        write(question);
        const answered = setInterval(() => {
          const answer = upstream.seen.find(({ message }) => message?.id === 'q-1');
          if (answer === undefined) return;
          clearInterval(answered);
          write(result(message.id, JSON.stringify(answer.message)));
          res.end();
        }, 5);
      },
    }),
  );
  await begin();
  call(1, 'ask');
  await until(() => client.sent.some(({ message }) => 'method' in message && message.method === question.method));
  say({ id: 'q-1', result: { model: 'm' } });
  await until(() => client.responseTo(1) !== undefined);
  expect(client.responseTo(1)).toEqual(result(1, '{"jsonrpc":"2.0","id":"q-1","result":{"model":"m"}}'));
});

test('a question that nobody can be asked any more is answered with an error', async () => {
  const { upstream, client, begin, call } = await openScripted(
    tools({
      late: ({ message }, res) => {
        const write = stream(res);
        write({ jsonrpc: '2.0', id: 'q-1', method: 'roots/list' });
        write(result(message.id, 'late'));
        res.end();
      },
    }),
  );
  await begin();
  const send = client.send.bind(client);
  client.send = (message, relatedTo) => {
    if ('method' in message && 'id' in message) throw new Error('Request 1 is over.');
    return send(message, relatedTo);
  };
  call(1, 'late');
  await until(() => upstream.seen.some(({ message }) => message?.id === 'q-1'));
  const refusal = upstream.seen.find(({ message }) => message?.id === 'q-1');
  expect(refusal?.message).toMatchObject({ error: { message: expect.stringContaining('is over') } });
});

test('a cancelled call is told of and let go of, however little the upstream cares', async () => {
  let closed = false;
  const { upstream, client, begin, call, say } = await openScripted(
    tools({
      deaf: (_, res) => {
        stream(res)(note('begun'));
        res.once('close', () => {
          closed = true;
        });
      },
    }),
  );
  await begin();
  call('slow', 'deaf');
  await until(() => client.sent.some(({ relatedTo }) => relatedTo === 'slow'));
  say({ method: 'notifications/cancelled', params: { requestId: 'slow' } });
  await until(() => upstream.asked('notifications/cancelled').length === 1);
  expect(closed).toBe(false);
  await until(() => closed);
  expect(client.responseTo('slow')).toBeUndefined();
});

test('a call that is cancelled before the upstream could see it never gets there', async () => {
  const { upstream, begin, call, say } = await openScripted(tools({}));
  await begin();
  await until(() => upstream.seen.length === 3);
  await upstream.stop();
  call(1, 'any');
  say({ method: 'notifications/cancelled', params: { requestId: 1 } });
  await upstream.start();
  say({ method: 'notifications/roots/list_changed' });
  await until(() => upstream.asked('notifications/roots/list_changed').length === 1);
  expect(upstream.asked('tools/call')).toEqual([]);
});

test('a client that is busy holds the stream back', async () => {
  let written = 0;
  const { client, begin, call } = await openScripted(
    tools({
      flood: async ({ message }, res) => {
        const write = stream(res);
        for (let i = 0; i < 500; i++) {
          if (!write(note('x'.repeat(100_000)))) await new Promise((resolve) => res.once('drain', resolve));
          written++;
        }
        write(result(message.id, 'flooded'));
        res.end();
      },
    }),
  );
  await begin();
  const { promise, resolve } = Promise.withResolvers<void>();
  client.busy = promise;
  call(1, 'flood');
  await until(() => client.sent.some(({ relatedTo }) => relatedTo === 1));
  // What the kernel and Node hold between the two, and not all of it.
  const held = async () => {
    const before = written;
    await new Promise((done) => setTimeout(done, 200));
    return written === before;
  };
  await until(held);
  expect(written).toBeLessThan(200);
  expect(client.sent.filter(({ relatedTo }) => relatedTo === 1)).toHaveLength(1);
  client.busy = undefined;
  resolve();
  await until(() => client.responseTo(1) !== undefined, 10_000);
  expect(client.sent.filter(({ relatedTo }) => relatedTo === 1)).toHaveLength(500);
});

test('close lets go of everything and says goodbye', async () => {
  const { upstream, session, begin, call } = await openScripted((seen, res) => {
    if (seen.method === 'GET') stream(res);
    else if (!basics(seen, res, 'up-1')) stream(res);
  });
  await begin();
  call(1, 'never');
  await until(() => upstream.asked('tools/call').length === 1 && upstream.seen.some(({ method }) => method === 'GET'));
  await session.close();
  expect(upstream.seen.at(-1)).toMatchObject({ method: 'DELETE', headers: { 'mcp-session-id': 'up-1' } });
  await until(async () => (await upstream.openSockets()) <= 2);
});

test('a session that was closed while the upstream opened it is ended there once it is known', async () => {
  let answer = () => {};
  const { upstream, session, say } = await openScripted((seen, res) => {
    if (seen.message?.method !== 'initialize') return void basics(seen, res);
    answer = () => void basics(seen, res, 'up-1');
  });
  say({ id: 1, method: 'initialize', params: {} });
  await until(() => upstream.asked('initialize').length === 1);
  // Nobody waits for the upstream.
  await session.close();
  expect(upstream.seen.map(({ method }) => method)).toEqual(['POST']);
  answer();
  await until(() => upstream.seen.length === 2);
  expect(upstream.seen.at(-1)).toMatchObject({ method: 'DELETE', headers: { 'mcp-session-id': 'up-1' } });
});

describe('an introduction that is none is answered with what was sent', () => {
  const info = { name: 'up', version: '1' };
  test.for<readonly [string, Record<string, unknown>]>([
    ['a version that is no text', { protocolVersion: { toString: 1 }, capabilities: {}, serverInfo: info }],
    ['a version that fits no header', { protocolVersion: '2025\n11', capabilities: {}, serverInfo: info }],
    ['no version', { capabilities: {}, serverInfo: info }],
    ['no serverInfo', { protocolVersion: '2025-11-25', capabilities: {} }],
    ['a serverInfo without version', { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'up' } }],
    ['no capabilities', { protocolVersion: '2025-11-25', serverInfo: info }],
  ])('%s', async ([, result]) => {
    const { client, say } = await openScripted(({ message }, res) =>
      json(res, { jsonrpc: '2.0', id: message?.id, result }),
    );
    say({ id: 1, method: 'initialize', params: {} });
    await until(() => client.responseTo(1) !== undefined);
    expect(client.responseTo(1)).toMatchObject({
      error: {
        message: expect.stringMatching(/answered initialize with a \w+ that is not .+ Got .+ Check that --upstream/),
      },
    });
  });
});

test('an upstream that sends /mcp to /mcp/ is followed, once', async () => {
  const { upstream, client, begin, call } = await openScripted((seen, res) => {
    if (seen.path === '/mcp') res.writeHead(307, { location: '/mcp/' }).end();
    else if (!basics(seen, res)) json(res, result(seen.message.id, 'there'));
  });
  await begin();
  call(1, 'any');
  await until(() => client.responseTo(1) !== undefined);
  expect(client.responseTo(1)).toEqual(result(1, 'there'));
  expect(upstream.seen.filter(({ path }) => path === '/mcp')).toHaveLength(1);
});
