import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { basics, json, startScripted } from '../../fixtures/upstream/scripted.ts';
import { startSdkUpstream } from '../../fixtures/upstream/sdk-upstream.ts';
import type { Settings } from '../../server/running.ts';
import { inSession, openSession, post, toolCall } from '../../server/wire.ts';
import { until } from './raw-client.ts';
import { connect, serve } from './serving.ts';

async function startBoth(settings?: Settings) {
  const upstream = await startSdkUpstream();
  onTestFinished(() => upstream.stop());
  return { upstream, berth: await serve(upstream.url, settings) };
}

const echo = (value: string) => ({ name: 'echo', arguments: { value } });

describe('a server of the SDK, through berth', () => {
  test('answers as it does directly', async () => {
    const { upstream, berth } = await startBoth();
    const { client: direct } = await connect(upstream.url);
    const { client, transport } = await connect(berth.url);
    const ask = async (to: Client) => ({
      who: to.getServerVersion(),
      can: to.getServerCapabilities(),
      instructions: to.getInstructions(),
      tools: await to.listTools(),
      resources: await to.listResources(),
      read: await to.readResource({ uri: 'test://one' }),
      echo: await to.callTool(echo('ünïcödé 𝄞 '.repeat(10_000))),
      unknown: await to.callTool({ name: 'nothing' }).catch((error: unknown) => String(error)),
      wrong: await to.request({ method: 'no/such' }, CreateMessageRequestSchema as never).catch(String),
    });
    expect(await ask(client)).toEqual(await ask(direct));
    expect(upstream.notes.sessionIds).not.toContain(transport.sessionId);
    expect(upstream.notes.sessionIds.length).toBeGreaterThanOrEqual(2);
  });

  test('no answer shows the session id of the upstream', async () => {
    const { upstream, berth } = await startBoth();
    const id = await openSession(berth.url);
    const answers = [
      await post(berth.url, toolCall(1, 'echo', { value: 'x' }), inSession(id)),
      await post(berth.url, { jsonrpc: '2.0', method: 'notifications/initialized' }, inSession(id)),
    ];
    for (const answer of answers) {
      const shown = JSON.stringify([...answer.headers]) + (await answer.text());
      for (const secret of upstream.notes.sessionIds) expect(shown).not.toContain(secret);
    }
  });

  test('tells of progress, logs, asks its client, and knows who waits for a resource', async () => {
    const { berth } = await startBoth();
    const asked = new Client({ name: 'test', version: '1' }, { capabilities: { sampling: {}, elicitation: {} } });
    asked.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: `${params.maxTokens} tokens` },
    }));
    asked.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    const logged: unknown[] = [];
    asked.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data));
    const updated: unknown[] = [];
    asked.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
    const { client } = await connect(berth.url, { client: asked });
    const progress: number[] = [];
    const options = { onprogress: (step: { progress: number }) => void progress.push(step.progress) };
    await client.callTool({ name: 'progress', arguments: { steps: 4 } }, undefined, options);
    expect(progress).toEqual([1, 2, 3, 4]);
    await client.callTool({ name: 'log', arguments: { data: 'hello' } });
    expect(logged).toEqual(['hello']);
    expect(await client.callTool({ name: 'sample' })).toMatchObject({
      content: [{ text: '{"type":"text","text":"5 tokens"}' }],
    });
    expect(await client.callTool({ name: 'elicit' })).toMatchObject({
      content: [{ text: '{"action":"accept","content":{"name":"Ada"}}' }],
    });
    await client.subscribeResource({ uri: 'test://one' });
    await client.callTool({ name: 'touch' });
    await until(() => updated.length > 0);
    expect(updated).toEqual(['test://one']);
  });

  test('a call that its client cancels is cancelled there', async () => {
    const { upstream, berth } = await startBoth();
    const { client } = await connect(berth.url);
    const cancel = new AbortController();
    const call = client.callTool({ name: 'wait', arguments: { ms: 60_000 } }, undefined, { signal: cancel.signal });
    await until(() => upstream.notes.running === 1);
    cancel.abort();
    await expect(call).rejects.toThrow();
    await until(() => upstream.notes.running === 0);
    expect(upstream.notes.cancelled).toHaveLength(1);
    expect(await client.callTool(echo('still here'))).toMatchObject({ content: [{ text: 'still here' }] });
  });

  test('a session that is deleted is deleted there', async () => {
    const { upstream, berth } = await startBoth();
    const { client, transport } = await connect(berth.url);
    await transport.terminateSession();
    const [theirs = ''] = upstream.notes.sessionIds;
    await until(async () => (await post(upstream.url, toolCall(1, 'echo'), inSession(theirs))).status === 404);
    await client.close();
  });

  test('headers of a client reach it', async () => {
    const { berth } = await startBoth();
    const { client } = await connect(berth.url, { headers: { authorization: 'Bearer t', 'x-tenant': 'blue' } });
    const { content } = (await client.callTool({ name: 'headers' })) as unknown as { content: [{ text: string }] };
    const headers = JSON.parse(content[0].text) as Record<string, string>;
    expect(headers).toMatchObject({
      authorization: 'Bearer t',
      'x-tenant': 'blue',
      'x-forwarded-host': new URL(berth.url).host,
    });
  });
});

test('a drain says goodbye for every session', async () => {
  let sessions = 0;
  let goodbyes = 0;
  const upstream = await startScripted((seen, res) => {
    if (seen.method === 'DELETE') goodbyes++;
    if (!basics(seen, res, `up-${++sessions}`)) json(res, {});
  });
  onTestFinished(() => upstream.stop());
  const berth = await serve(upstream.url);
  for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 20 }, () => openSession(berth.url)));
  await berth.server.stop(new AbortController().signal);
  expect(goodbyes).toBe(100);
});

describe('an upstream that is restarted', () => {
  test('goes unnoticed where sessions are parkable', async () => {
    const { upstream, berth } = await startBoth({ sessions: 'parkable' });
    const { client, transport } = await connect(berth.url);
    const id = transport.sessionId;
    expect(await client.callTool(echo('before'))).toMatchObject({ content: [{ text: 'before' }] });
    for (let round = 0; round < 3; round++) {
      await upstream.stop();
      const during = client.callTool(echo(`during ${round}`));
      await new Promise((resolve) => setTimeout(resolve, 200));
      await upstream.start();
      expect(await during).toMatchObject({ content: [{ text: `during ${round}` }] });
      expect(await client.callTool(echo('after'))).toMatchObject({ content: [{ text: 'after' }] });
    }
    expect(transport.sessionId).toBe(id);
    expect(upstream.notes.sessionIds.length).toBeGreaterThanOrEqual(4);
  });

  test('under load: every call of a parkable session is answered or fails with a reason, and none runs twice', async () => {
    const { upstream, berth } = await startBoth({ sessions: 'parkable' });
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(berth.url)));
    const failures: string[] = [];
    let next = 0;
    let over = false;
    onTestFinished(() => {
      over = true;
    });
    const work = clients.map(async ({ client }) => {
      while (!over) {
        const n = next++;
        const answer = await client
          .callTool({ name: 'count', arguments: { n } })
          .catch((error: unknown) => String(error));
        if (typeof answer === 'string') failures.push(answer);
        else expect(answer).toMatchObject({ content: [{ text: String(n) }] });
      }
    });
    for (let round = 0; round < 4; round++) {
      const before = upstream.notes.counted.length;
      await until(() => upstream.notes.counted.length > before + 50, 15_000);
      if (round === 3) break;
      await upstream.stop();
      await new Promise((resolve) => setTimeout(resolve, 100));
      await upstream.start();
    }
    over = true;
    await Promise.all(work);
    expect(new Set(upstream.notes.counted).size).toBe(upstream.notes.counted.length);
    for (const failure of failures) expect(failure).toMatch(/closed the connection|does not know the session/);
    // At most what was in flight at each restart.
    expect(failures.length).toBeLessThanOrEqual(3 * clients.length);
  });

  test('ends resident sessions with 404; their clients open others', async () => {
    const { upstream, berth } = await startBoth({ sessions: 'resident' });
    const id = await openSession(berth.url);
    const waiting = post(berth.url, toolCall(1, 'wait', { ms: 60_000 }), inSession(id));
    await until(() => upstream.notes.running === 1);
    await upstream.stop();
    const broken = await (await waiting).text();
    expect(broken).toContain('may have been carried out');
    await upstream.start();
    expect((await post(berth.url, toolCall(2, 'echo', { value: 'x' }), inSession(id))).status).toBe(404);
    expect((await post(berth.url, toolCall(3, 'echo', { value: 'x' }), inSession(id))).status).toBe(404);
    const other = await openSession(berth.url);
    expect((await post(berth.url, toolCall(4, 'echo', { value: 'x' }), inSession(other))).status).toBe(200);
  });
});

describe('what is told from what', () => {
  test('an upstream that is not there is 502; readiness follows it, liveness does not', async () => {
    const gone = await startSdkUpstream();
    await gone.stop();
    const berth = await serve(gone.url, {}, { reached: false });
    const opening = await post(berth.url, { jsonrpc: '2.0', id: 1, method: 'initialize', params: INITIALIZE });
    expect(opening.status).toBe(502);
    expect(await opening.json()).toMatchObject({ error: { message: expect.stringContaining('ECONNREFUSED') } });
    expect((await fetch(`${berth.admin}/health-check`)).status).toBe(503);
    expect((await fetch(`${berth.admin}/livez`)).status).toBe(200);
    await gone.start();
    onTestFinished(() => gone.stop());
    await until(async () => (await fetch(`${berth.admin}/health-check`)).status === 200);
    await openSession(berth.url);
  });

  test('its own 503 and 401 are passed on as they are', async () => {
    const upstream = await startScripted((seen, res) => {
      if (seen.headers.authorization === undefined) {
        json(res, { error: 'no token' }, 401, {
          'www-authenticate': 'Bearer resource_metadata="http://x/.well-known/y"',
        });
      } else if (seen.message?.method === 'tools/call') json(res, { busy: true }, 503, { 'retry-after': '9' });
      else basics(seen, res);
    });
    onTestFinished(() => upstream.stop());
    const berth = await serve(upstream.url);
    const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: INITIALIZE };
    const refused = await post(berth.url, initialize);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer resource_metadata="http://x/.well-known/y"');
    expect(refused.headers.get('mcp-session-id')).toBeNull();
    const token = { authorization: 'Bearer t' };
    const opened = await post(berth.url, initialize, token);
    const id = opened.headers.get('mcp-session-id') ?? '';
    const busy = await post(berth.url, toolCall(2, 'any'), { ...inSession(id), ...token });
    expect([busy.status, busy.headers.get('retry-after'), await busy.json()]).toEqual([503, '9', { busy: true }]);
  });

  test('what it says below /.well-known is passed on, for the path of berth too', async () => {
    const upstream = await startScripted((seen, res) => {
      if (seen.path.startsWith('/.well-known/')) json(res, { path: seen.path, host: seen.headers['x-forwarded-host'] });
      else basics(seen, res);
    });
    onTestFinished(() => upstream.stop());
    const berth = await serve(`${upstream.origin}/api/v1/mcp`);
    const at = async (path: string) => (await fetch(`${berth.origin}${path}`)).json();
    const host = new URL(berth.origin).host;
    expect(await at('/.well-known/oauth-protected-resource')).toEqual({
      path: '/.well-known/oauth-protected-resource',
      host,
    });
    expect(await at('/.well-known/oauth-protected-resource/mcp?x=1')).toEqual({
      path: '/.well-known/oauth-protected-resource/api/v1/mcp?x=1',
      host,
    });
    expect((await fetch(`${berth.origin}/.well-known/any`, { method: 'POST' })).status).toBe(405);
  });
});

const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
