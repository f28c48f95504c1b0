import { request } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startLab } from './running.ts';
import { initialize, inSession, JSON_AND_EVENTS, openSession, post, toolCall } from './wire.ts';

const batchOf = (count: number) => Array.from({ length: count }, (_, i) => toolCall(i, 'echo', { value: 'x' }));

interface Row {
  readonly what: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly says: RegExp;
}

const rows: readonly Row[] = [
  { what: 'bad JSON', body: '{"jsonrpc": ', status: 400, says: /not valid JSON/ },
  { what: 'no body', body: '', status: 400, says: /not valid JSON/ },
  { what: 'JSON that is no message', body: { hello: 1 }, status: 400, says: /JSON-RPC message/ },
  { what: 'null', body: 'null', status: 400, says: /JSON-RPC message/ },
  { what: 'a number as method', body: { jsonrpc: '2.0', id: 1, method: 7 }, status: 400, says: /JSON-RPC message/ },
  { what: 'an empty batch', body: [], status: 400, says: /batch/ },
  { what: 'a batch of 1,000', body: batchOf(1_000), status: 400, says: /at most 100|100 messages/ },
  { what: 'a body of 5 MiB', body: 'x'.repeat(5 * 1024 ** 2), status: 413, says: /262144 bytes/ },
  { what: 'a wrong content type', headers: { 'content-type': 'text/plain' }, status: 415, says: /application\/json/ },
  { what: 'a content encoding', headers: { 'content-encoding': 'gzip' }, status: 415, says: /gzip/ },
  { what: 'a wrong Accept', headers: { accept: 'application/json' }, status: 406, says: /text\/event-stream/ },
  { what: 'no session id', body: toolCall(1, 'echo'), status: 400, says: /Mcp-Session-Id/ },
  {
    what: 'an unknown session',
    body: toolCall(1, 'echo'),
    headers: inSession('nobody'),
    status: 404,
    says: /Session not found/,
  },
  { what: 'a foreign Origin', headers: { origin: 'http://evil.example' }, status: 403, says: /--allowed-origins/ },
  { what: 'an opaque Origin', headers: { origin: 'null' }, status: 403, says: /--allowed-origins/ },
];

test.for(rows)('$what gets $status and costs nothing after', async ({ body = initialize(), headers, status, says }) => {
  const lab = await startLab();
  const answer = await post(lab.url, body, headers);
  expect(answer.status).toBe(status);
  const error = (await answer.json()) as { jsonrpc: string; error: { message: string } };
  expect(error).toMatchObject({ jsonrpc: '2.0', error: { code: expect.any(Number) } });
  expect(error.error.message).toMatch(says);
  expect((await lab.counts()).active).toBe(0);
  expect((await post(lab.url, initialize())).status).toBe(200);
});

test('a version that nobody speaks gets 400 with those that are spoken', async () => {
  const lab = await startLab();
  const id = await openSession(lab.url);
  const answer = await post(lab.url, toolCall(1, 'echo'), {
    'mcp-session-id': id,
    'mcp-protocol-version': '1999-01-01',
  });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain('2025-11-25');
});

test.for(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8000'])(
  'a foreign Host %s gets 403 that names the flag, but probes answer',
  async (host) => {
    const lab = await startLab();
    const ask = (path: string) =>
      new Promise<{ status: number; text: string }>((resolve, reject) => {
        const req = request(lab.origin + path, { headers: { host } }, (res) => {
          let text = '';
          res.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: res.statusCode ?? 0, text }));
        });
        req.on('error', reject).end();
      });
    expect(await ask('/mcp')).toMatchObject({ status: 403, text: expect.stringContaining('--allowed-hosts') });
    expect(await ask('/')).toMatchObject({ status: 403 });
    expect(await ask('/health-check')).toMatchObject({ status: 200 });
    expect(await ask('/livez')).toMatchObject({ status: 200 });
  },
);

test('a host that is allowed by name or by suffix is served', async () => {
  const lab = await startLab({ allowedHosts: 'mcp.example.org,*.svc', allowedOrigins: 'https://app.example.org' });
  const status = (host: string, origin?: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { ...JSON_AND_EVENTS, host, ...(origin !== undefined && { origin }) };
      const req = request(lab.url, { method: 'POST', headers }, (res) => resolve(res.resume().statusCode ?? 0));
      req.on('error', reject).end(JSON.stringify(initialize()));
    });
  expect(await status('mcp.example.org:443')).toBe(200);
  expect(await status('MCP.example.org')).toBe(200);
  expect(await status('berth.default.svc')).toBe(200);
  expect(await status('svc')).toBe(403);
  expect(await status('mcp.example.org', 'https://app.example.org')).toBe(200);
  expect(await status('mcp.example.org', 'http://app.example.org')).toBe(403);
});

/** Sends bytes as they are and answers what comes back until the socket closes. */
function raw(url: string, ...parts: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => {
      for (const part of parts) socket.write(part);
    });
    socket.on('data', (chunk) => (answer += chunk)).on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

test('a header of 20 KiB gets 431', async () => {
  const lab = await startLab();
  const answer = await raw(lab.url, `GET /mcp HTTP/1.1\r\nHost: localhost\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  expect(answer).toContain('16 KiB');
});

test('a body that does not come in time gets 408', async () => {
  const lab = await startLab({ bodyTimeout: '300ms' });
  const head =
    'POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';
  const answer = await raw(lab.url, head);
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(answer).toContain('--body-timeout');
});

test('what is not HTTP gets 400', async () => {
  const lab = await startLab();
  expect(await raw(lab.url, 'EHLO example.org\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
});

test('a chunked body over the limit gets 413 while it is still being sent', async () => {
  const lab = await startLab({ maxBody: '64KiB' });
  const status = await new Promise<number>((resolve, reject) => {
    const req = request(lab.url, { method: 'POST', headers: JSON_AND_EVENTS }, (res) => {
      resolve(res.resume().statusCode ?? 0);
      req.end();
    });
    req.on('error', reject);
    for (let i = 0; i < 4; i++) req.write('x'.repeat(32 * 1024));
  });
  expect(status).toBe(413);
});

test('methods that MCP does not use get 405, other paths 404', async () => {
  const lab = await startLab();
  const put = await fetch(lab.url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{}' });
  expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE, OPTIONS']);
  expect((await fetch(`${lab.origin}/nothing`)).status).toBe(404);
  expect((await fetch(`${lab.admin}/nothing`)).status).toBe(404);
  expect((await fetch(`${lab.origin}/metrics`)).status).toBe(404);
});
