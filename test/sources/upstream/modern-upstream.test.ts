import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ModernUpstream } from '../../../src/sources/upstream/modern-upstream.ts';
import { UpstreamDoor } from '../../../src/sources/upstream/upstream-door.ts';
import { startModernUpstream } from '../../fixtures/upstream/modern.ts';
import { basics, json, type Script, startScripted } from '../../fixtures/upstream/scripted.ts';
import { startSdkUpstream } from '../../fixtures/upstream/sdk-upstream.ts';
import { events, messageIn, modernCall, modernPost } from '../../server/wire.ts';
import { until } from './raw-client.ts';
import { connect, serve } from './serving.ts';

async function connectModern(url: string, mode: 'auto' | { pin: string } = { pin: '2026-07-28' }) {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  onTestFinished(() => client.close());
  return client;
}

async function startModern(options?: Parameters<typeof startModernUpstream>[0]) {
  const upstream = await startModernUpstream(options);
  onTestFinished(() => upstream.stop());
  const berth = await serve(upstream.url);
  await until(() => berth.source.modernProxy?.available === true);
  return { upstream, berth };
}

/** A proxy alone, on a listener of its own, to a scripted upstream. */
async function startProxy(script: Script) {
  const upstream = await startScripted(script);
  const door = new UpstreamDoor({ url: new URL(upstream.url), reached: () => {}, unreachable: () => {} });
  const introduced: unknown[] = [];
  const proxy = new ModernUpstream({ door, introduced: (info) => introduced.push(info) });
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk) => chunks.push(chunk));
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    req.on('end', () => void proxy.pass(req, Buffer.concat(chunks).toString(), res, gone.signal));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    door.close();
    server.close();
    server.closeAllConnections();
    await upstream.stop().catch(() => {});
  });
  return { upstream, proxy, introduced, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` };
}

describe('an upstream that speaks the modern era', () => {
  test('is asked as it is, and answers as it does directly', async () => {
    const { upstream, berth } = await startModern({ legacy: 'reject' });
    const ask = async (to: Client) => {
      const progress: number[] = [];
      const onprogress = (step: { progress: number }) => void progress.push(step.progress);
      return {
        who: to.getServerVersion(),
        can: to.getServerCapabilities(),
        tools: await to.listTools(),
        echo: await to.callTool({ name: 'echo', arguments: { value: 'ünïcödé'.repeat(20_000) } }),
        streamed: await to.callTool({ name: 'stream', arguments: { count: 3 } }, { onprogress }),
        progress,
        unknown: await to.callTool({ name: 'nothing' }).catch((error: unknown) => String(error)),
      };
    };
    expect(await ask(await connectModern(berth.url))).toEqual(await ask(await connectModern(upstream.url)));
    expect(berth.source.definition).toMatchObject({ name: 'modern-upstream', version: '2.2.2' });
  });

  test('serves the legacy era as well, without sessions of its own', async () => {
    const { berth } = await startModern();
    const { client } = await connect(berth.url);
    expect(await client.callTool({ name: 'echo', arguments: { value: 'old' } })).toMatchObject({
      content: [{ text: 'old' }],
    });
    expect(client.getServerVersion()).toMatchObject({ name: 'modern-upstream' });
  });

  test('hears of a client that goes: that is how this era cancels', async () => {
    const { upstream, berth } = await startModern();
    const gone = new AbortController();
    const call = modernCall(berth.url, 'wait', {}, gone.signal).then((answer) => answer.text());
    await until(() => upstream.notes.running === 1);
    gone.abort();
    await expect(call).rejects.toThrow();
    await until(() => upstream.notes.running === 0);
    expect(upstream.notes.cancelled).toBe(1);
  });

  test('tells its listeners of changes', async () => {
    const { upstream, berth } = await startModern();
    const gone = new AbortController();
    const params = { notifications: { toolsListChanged: true } };
    const answer = await modernPost(berth.url, 'subscriptions/listen', params, gone.signal);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const event of events(answer)) {
        seen.push((messageIn(event) as { method?: string } | undefined)?.method);
        if (seen.length === 1) upstream.notify.toolsChanged();
      }
    })().catch(() => {});
    await until(() => seen.includes('notifications/tools/list_changed'));
    gone.abort();
    await reading;
  });
});

test('an upstream of the legacy era serves modern clients through a session for each request', async () => {
  const upstream = await startSdkUpstream();
  onTestFinished(() => upstream.stop());
  const berth = await serve(upstream.url);
  const client = await connectModern(berth.url);
  expect(await client.callTool({ name: 'echo', arguments: { value: 'bridged' } })).toMatchObject({
    content: [{ type: 'text', text: 'bridged' }],
  });
  expect(client.getServerVersion()).toMatchObject({ name: 'sdk-upstream', version: '4.5.6' });
  expect(berth.source.modernProxy?.available).toBe(false);
});

describe('whether it speaks the era is learned', () => {
  const discovered = { supportedVersions: ['2026-07-28'], _meta: SERVER_INFO_META() };
  test.for<readonly [string, Script, string, boolean]>([
    ['JSON', ({ message }, res) => json(res, { jsonrpc: '2.0', id: message.id, result: discovered }), 'modern', true],
    [
      'a stream',
      ({ message }, res) => {
        const data = JSON.stringify({ jsonrpc: '2.0', id: message.id, result: discovered });
        res.writeHead(200, { 'content-type': 'text/event-stream' }).end(`event: message\ndata: ${data}\n\n`);
      },
      'modern',
      true,
    ],
    [
      'other versions',
      ({ message }, res) =>
        json(res, { jsonrpc: '2.0', id: message.id, result: { supportedVersions: ['2027-01-01'] } }),
      'legacy',
      false,
    ],
    [
      'no end',
      (_, res) => {
        const endless = setInterval(() => res.write(Buffer.alloc(300_000, 'x')), 1);
        res.once('close', () => clearInterval(endless));
      },
      'legacy',
      false,
    ],
    ['400', (_, res) => json(res, { error: 'no session' }, 400), 'legacy', false],
    ['401', (_, res) => json(res, {}, 401), 'guarded', true],
    ['503', (_, res) => json(res, {}, 503), 'unknown', false],
    ['a broken connection', (_, __, req) => void req.socket.destroy(), 'unknown', false],
    ['no JSON', (_, res) => void res.writeHead(200, { 'content-type': 'text/html' }).end('<html>'), 'legacy', false],
  ])('from %s', async ([, script, verdict, available]) => {
    const { proxy, introduced, upstream } = await startProxy(script);
    expect(await proxy.learn()).toBe(verdict);
    expect(proxy.available).toBe(available);
    expect(introduced).toEqual(verdict === 'modern' ? [{ name: 'm', version: '1' }] : []);
    expect(upstream.seen[0]?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'server/discover',
    });
  });

  test('with a credential that it took, where it wants one', async () => {
    const { proxy, url } = await startProxy((seen, res) => {
      if (seen.headers.authorization === undefined) json(res, {}, 401, { 'www-authenticate': 'Bearer' });
      else if (!basics(seen, res)) json(res, { error: 'what?' }, 400);
    });
    await proxy.learn();
    const refused = await modernPost(url, 'tools/list');
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(proxy.available).toBe(true);
    await fetch(url, { method: 'POST', headers: { authorization: 'Bearer t' }, body: '{}' });
    await until(() => !proxy.available);
  });
});

test('an upstream that is replaced by one of the legacy era is asked again', async () => {
  let modern = true;
  const upstream = await startScripted((seen, res) => {
    const { message, headers } = seen;
    const result = { supportedVersions: ['2026-07-28'], capabilities: {} };
    if (modern && message?.method === 'server/discover') json(res, { jsonrpc: '2.0', id: message.id, result });
    else if (headers['mcp-protocol-version'] === '2026-07-28')
      json(res, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Unsupported protocol version' } }, 400);
    else if (!basics(seen, res, 'up-1')) json(res, { jsonrpc: '2.0', id: message.id, result: { tools: [] } });
  });
  onTestFinished(() => upstream.stop());
  const berth = await serve(upstream.url);
  await until(() => berth.source.modernProxy?.available === true);
  modern = false;
  expect((await modernPost(berth.url, 'tools/list')).status).toBe(400);
  await until(() => berth.source.modernProxy?.available === false);
  expect((await modernPost(berth.url, 'tools/list')).status).toBe(200);
});

describe('a request that is passed on', () => {
  test.for(['099 Odd', '302 Found', '101 Switching Protocols'])('is 502 where the answer is %s', async (line) => {
    const { url } = await startProxy((_, __, req) => {
      const more = line.startsWith('101') ? 'Upgrade: x\r\nConnection: upgrade' : 'Connection: close';
      req.socket.end(`HTTP/1.1 ${line}\r\nContent-Length: 0\r\n${more}\r\n\r\n`);
    });
    const answer = await modernPost(url, 'tools/list');
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ id: 1 });
  });

  test('arrives with its headers and body as they were, the answer likewise', async () => {
    const { upstream, url } = await startProxy((_, res) => {
      res.writeHead(418, {
        'x-own': '1',
        'mcp-session-id': 'never',
        'access-control-allow-origin': '*',
        connection: 'x-own-hop',
        'x-own-hop': '1',
      });
      res.end('short and stout');
    });
    const body = '{ "jsonrpc": "2.0",   "id": 1, "method": "x" }';
    const headers = {
      'mcp-method': 'x',
      'mcp-name': 'n',
      'mcp-param-a': 'b',
      authorization: 'Bearer t',
      origin: 'http://localhost',
    };
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers: { ...headers, 'content-type': 'application/json' },
    });
    expect([answer.status, await answer.text(), answer.headers.get('x-own')]).toEqual([418, 'short and stout', '1']);
    for (const name of ['mcp-session-id', 'access-control-allow-origin', 'x-own-hop']) {
      expect(answer.headers.get(name)).toBeNull();
    }
    const seen = upstream.seen[0]?.headers;
    expect(seen).toMatchObject({
      'mcp-method': 'x',
      'mcp-name': 'n',
      'mcp-param-a': 'b',
      authorization: 'Bearer t',
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'x-forwarded-for': '127.0.0.1',
      host: new URL(upstream.url).host,
    });
    expect(seen).not.toHaveProperty('origin');
  });

  test('is 502 with its id while the upstream can not be reached', async () => {
    const { upstream, url } = await startProxy(() => {});
    await upstream.stop();
    const answer = await modernPost(url, 'tools/list');
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ id: 1, error: { message: expect.stringContaining('ECONNREFUSED') } });
  });

  test('breaks for its client when the upstream breaks', async () => {
    const { url } = await startProxy((_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {}\n\n');
      setTimeout(() => res.destroy(), 20);
    });
    const answer = await modernPost(url, 'tools/list');
    await expect(answer.text()).rejects.toThrow();
  });

  test('is read no faster than its client reads', async () => {
    let written = 0;
    const { url } = await startProxy(async (_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      for (; written < 500 && !res.destroyed; written++) {
        if (!res.write(Buffer.alloc(100_000))) await new Promise((resolve) => res.once('drain', resolve));
      }
      res.end();
    });
    const answer = await new Promise<import('node:http').IncomingMessage>((resolve) => {
      httpRequest(url, { method: 'POST' }, resolve).end('{}');
    });
    answer.pause();
    await until(async () => {
      const before = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return before > 0 && written === before;
    });
    expect(written).toBeLessThan(250);
    let read = 0;
    for await (const chunk of answer) read += (chunk as Buffer).length;
    expect(read).toBe(500 * 100_000);
  });
});

function SERVER_INFO_META() {
  return { 'io.modelcontextprotocol/serverInfo': { name: 'm', version: '1' } };
}
