import { expect, onTestFinished, test } from 'vitest';
import { basics, INITIALIZED, json, type Script, startScripted } from '../../fixtures/upstream/scripted.ts';
import { initialize, MODERN, modernPost, openSession, post } from '../../server/wire.ts';
import { until } from './raw-client.ts';
import { serve } from './serving.ts';

const LISTEN = { notifications: { toolsListChanged: true } };

async function begin(script: Script, settings: Record<string, string> = {}) {
  const upstream = await startScripted(script);
  onTestFinished(() => upstream.stop().catch(() => {}));
  const berth = await serve(upstream.url, settings);
  // Else a request may meet it before it is known to be of the legacy era.
  await until(() => upstream.asked('server/discover').length > 0);
  return { upstream, berth };
}

/** A request of the modern era with the credential of somebody. */
function modernPostAs(url: string, who: string | undefined, method: string, params: object = {}) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return post(
    url,
    { jsonrpc: '2.0', id: 'mine', method, params: { ...params, _meta } },
    {
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
      ...(method === 'tools/call' && { 'mcp-name': 'any' }),
      ...(who !== undefined && { authorization: `Bearer ${who}` }),
    },
  );
}

test('what an upstream says to one credential is told to no other; its 401 is', async () => {
  const { berth } = await begin((seen, res) => {
    const { method, message, headers } = seen;
    if (message?.method !== 'initialize') return void basics(seen, res);
    const { authorization } = headers;
    if (authorization === undefined && method === 'POST') {
      return json(res, { error: 'no_token' }, 401, { 'www-authenticate': 'Bearer realm="up"' });
    }
    json(res, { jsonrpc: '2.0', id: message.id, result: { ...INITIALIZED, instructions: `for ${authorization}` } });
  });
  expect((await post(berth.url, initialize(), { authorization: 'Bearer alice' })).status).toBe(200);
  for (const who of ['alice', 'bob']) {
    const answer = await modernPostAs(berth.url, who, 'server/discover');
    expect(await answer.json()).toMatchObject({ result: { instructions: `for Bearer ${who}` } });
  }
  for (const method of ['server/discover', 'tools/call', 'subscriptions/listen']) {
    const answer = await modernPostAs(berth.url, undefined, method, { name: 'any', arguments: {}, ...LISTEN });
    expect([method, answer.status, answer.headers.get('www-authenticate'), await answer.json()]).toEqual([
      method,
      401,
      'Bearer realm="up"',
      { error: 'no_token' },
    ]);
  }
});

test('an introduction that was refused in JSON-RPC is refused so, to the request that asked', async () => {
  const { berth } = await begin((seen, res) => {
    if (seen.message?.method !== 'initialize') return void basics(seen, res);
    json(res, { jsonrpc: '2.0', id: seen.message.id, result: { ...INITIALIZED, serverInfo: { name: 'x' } } });
  });
  const answer = await modernPostAs(berth.url, undefined, 'server/discover');
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({
    id: 'mine',
    error: { message: expect.stringContaining('Got {"name":"x"}') },
  });
});

test('an upstream that can not be reached is 502 in the modern era too', async () => {
  const { upstream, berth } = await begin((seen, res) => void basics(seen, res));
  await upstream.stop();
  const answer = await modernPostAs(berth.url, undefined, 'tools/call', { name: 'any', arguments: {} });
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({
    id: 'mine',
    error: { message: expect.stringContaining('ECONNREFUSED') },
  });
});

test.for(['subscriptions/listen', 'tools/list'])(
  'clients of %s that leave while the upstream hangs in its introduction leave slot and socket behind',
  { timeout: 20_000 },
  async (method) => {
    let hangs = true;
    const { upstream, berth } = await begin(
      (seen, res) => {
        if (seen.message?.method !== 'initialize' || !hangs) basics(seen, res);
      },
      { maxConnections: '3' },
    );
    const leaving = new AbortController();
    const asking = [1, 2, 3].map(() => modernPost(berth.url, method, LISTEN, leaving.signal).catch(() => 'left'));
    const active = async () =>
      ((await (await fetch(`${berth.admin}/connections`)).json()) as { active: number }).active;
    await until(async () => (await active()) === 3 && upstream.asked('initialize').length > 0);
    // They wait for one introduction together.
    expect(upstream.asked('initialize')).toHaveLength(1);
    leaving.abort();
    expect(await Promise.all(asking)).toEqual(['left', 'left', 'left']);
    await until(async () => (await active()) === 0);
    hangs = false;
    await openSession(berth.url);
    // What was sent goes on for 5 s, for the sake of a session that may come of it.
    await until(async () => (await upstream.openSockets()) <= 1, 10_000);
  },
);
