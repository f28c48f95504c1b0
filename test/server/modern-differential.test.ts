import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMcpHandler } from '@modelcontextprotocol/server';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sourceOf } from '../../src/sources/load-module.ts';
import { modernModule } from './modern-module.ts';
import { anyRequest, PLAIN_CALLS, type WireRequest, wireRequest } from './modern-requests.ts';
import { eventually, startLab } from './running.ts';
import { post } from './wire.ts';

// berth serves most modern requests without the SDK's HTTP handler; nobody must be able to tell.

/** The SDK's handler behind a plain HTTP server. */
async function startReference() {
  const { create, notes } = modernModule();
  const handler = createMcpHandler(create, { legacy: 'reject', keepAliveMs: 0 });
  const server = createServer((req, res) => void serve(req, res));
  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const gone = new AbortController();
    res.once('close', () => !res.writableFinished && gone.abort());
    let body = '';
    for await (const chunk of req) body += chunk;
    const headers = Object.entries(req.headers).map(([name, value]) => [name, String(value)] as [string, string]);
    const request = new Request(`http://${req.headers.host}${req.url}`, {
      method: 'POST',
      headers,
      signal: gone.signal,
    });
    const response = await handler.fetch(request, { parsedBody: JSON.parse(body) });
    if (res.destroyed) return;
    res.writeHead(response.status, Object.fromEntries(response.headers));
    for await (const chunk of response.body ?? []) res.write(chunk);
    res.end();
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, notes };
}

interface Variant {
  readonly reusable: boolean;
  /** Another version of the SDK is served by its own handler alone. */
  readonly sameSdk: boolean;
}

async function startBerth({ reusable, sameSdk }: Variant) {
  const { create, notes } = modernModule();
  const source = await sourceOf({ name: 'modern', version: '1.0.0', create, reusable }, 'modern', import.meta.url);
  expect(source.definition.sameSdk).toBe(true);
  const definition = { ...source.definition, sameSdk };
  const lab = await startLab({}, undefined, { source: { ...source, definition } });
  notes.created = 0;
  return { url: lab.url, notes, lab };
}

async function answerTo(url: string, { headers, body }: WireRequest) {
  const response = await post(url, body, headers);
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    challenge: response.headers.get('www-authenticate'),
    body: await response.text(),
  };
}

describe.for<Variant>([
  { reusable: false, sameSdk: true },
  { reusable: true, sameSdk: true },
  { reusable: true, sameSdk: false },
])('with $reusable reusable, $sameSdk sameSdk', (variant) => {
  test('each call is answered as the SDK answers it', async () => {
    const [reference, berth] = await Promise.all([startReference(), startBerth(variant)]);
    const metas = [
      {},
      { progressToken: 'p', 'io.modelcontextprotocol/logLevel': 'debug' },
      { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } },
    ];
    for (const [method, params] of PLAIN_CALLS) {
      for (const [index, meta] of metas.entries()) {
        const request = wireRequest(method, params, index, meta);
        const wanted = await answerTo(reference.url, request);
        expect(await answerTo(berth.url, request), JSON.stringify(request)).toEqual(wanted);
      }
    }
    const { active, requestsInFlight } = await berth.lab.counts();
    expect([active, requestsInFlight.modern]).toEqual([0, 0]);
  });

  test('a request with whatever is wrong about it is answered as the SDK answers it', async () => {
    const [reference, berth] = await Promise.all([startReference(), startBerth(variant)]);
    const same = fc.asyncProperty(anyRequest, async (request) => {
      const [wanted, answer] = await Promise.all([answerTo(reference.url, request), answerTo(berth.url, request)]);
      expect(answer).toEqual(wanted);
    });
    await fc.assert(same, { numRuns: 400 });
    await eventually(berth.lab.counts, ({ active, requestsInFlight }) => active + requestsInFlight.modern === 0);
  });

  test('a handler whose client leaves is told the same', async () => {
    const servers = await Promise.all([startReference(), startBerth(variant)]);
    for (const { url, notes } of servers) {
      const leave = new AbortController();
      const { headers, body } = wireRequest('tools/call', { name: 'wait', arguments: { ms: 60_000 } });
      const left = post(url, body, headers, leave.signal).catch(() => 'left');
      await eventually(
        () => notes.created,
        (created) => created === 1,
      );
      await answerTo(url, wireRequest('tools/call', { name: 'bare' }));
      leave.abort();
      expect(await left).toBe('left');
      await eventually(
        () => notes.aborted.length,
        (aborted) => aborted === 1,
      );
    }
    expect(servers[1].notes.aborted).toEqual(servers[0].notes.aborted);
  });
});

test('who listens in place of the SDK, as tracing does, hears each request once', async () => {
  const heard: unknown[] = [];
  const lab = await startLab({}, () => {
    const server = modernModule().create();
    const connect = server.connect.bind(server);
    server.connect = async (transport) => {
      await connect(transport);
      const { onmessage } = transport;
      transport.onmessage = (message, extra) => {
        heard.push(message);
        onmessage?.(message, extra);
      };
    };
    return server;
  });
  const request = wireRequest('tools/call', { name: 'bare' });
  expect(await answerTo(lab.url, request)).toMatchObject({ status: 200, body: expect.stringContaining('bare') });
  expect(heard).toEqual([request.body]);
});
