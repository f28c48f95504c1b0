import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { readServeConfig } from '../../src/config/read-config.ts';
import { startLab } from './running.ts';
import { events, initialize, inSession, messageIn, openSession, post, toolCall } from './wire.ts';

// What docs/original.md claims, where it can be seen from outside.

test('the flags of the original have its names and defaults, but for transport and host', () => {
  const { transport, host, port, workers, maxConnections, logLevel } = readServeConfig({ flags: {}, environment: {} });
  expect({ transport, host, port, workers, maxConnections, logLevel }).toEqual({
    transport: 'streamable-http',
    host: '127.0.0.1',
    port: 8000,
    workers: 1,
    maxConnections: 1000,
    logLevel: 'info',
  });
});

test.for([
  { args: ['--log-config', 'logging.conf'], says: /unknown option '--log-config'/ },
  {
    args: ['--log-level', 'DEBUG'],
    says: /--log-level must be one of trace, debug, info, warn, error\. Got "DEBUG"\./,
  },
  { args: ['--transport', 'stdio', '--port', '8000'], says: /--port has no effect with --transport stdio/ },
])('$args is told, not ignored', ({ args, says }) => {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [main, 'serve', ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(stderr).toMatch(says);
  expect(status).toBe(2);
});

test.for(['/mcp', '/mcp/'])('POST %s answers without a redirect', async (path) => {
  const lab = await startLab();
  const answer = await fetch(`${lab.origin}${path}`, {
    method: 'POST',
    redirect: 'error',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify(initialize()),
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('mcp-session-id')).not.toBeNull();
});

test('GET / tells the original’s keys, but for the version of FastMCP', async () => {
  const lab = await startLab();
  const answer = (await (await fetch(`${lab.origin}/`)).json()) as Record<string, unknown>;
  const keys = ['appName', 'appVersion', 'mcpLibraryVersion', 'serverId', 'serverTransport', 'serverVersion'];
  expect(Object.keys(answer).sort()).toEqual(keys);
  expect(Object.values(answer).every((value) => typeof value === 'string' && value !== '')).toBe(true);
  expect(answer).toMatchObject({ serverTransport: 'streamable-http' });
});

test('probes say ok when every slot is taken, with a slash or without, and take none', async () => {
  const lab = await startLab({ maxConnections: '1' });
  await openSession(lab.url);
  for (const path of ['/health-check', '/health-check/', '/livez']) {
    const answer = await fetch(`${lab.origin}${path}`, { redirect: 'error' });
    expect({ path, status: answer.status, body: await answer.json() }).toEqual({
      path,
      status: 200,
      body: { status: 'ok' },
    });
  }
  const { active, refused } = await lab.counts();
  expect({ active, refused: refused.capacity }).toEqual({ active: 1, refused: 0 });
});

test('a session whose stream holds the only slot still makes calls', async () => {
  const lab = await startLab({ maxConnections: '1' });
  const id = await openSession(lab.url);
  const stream = await fetch(lab.url, { headers: { accept: 'text/event-stream', ...inSession(id) } });
  onTestFinished(() => stream.body?.cancel());
  expect(stream.status).toBe(200);
  const answer = await post(lab.url, toolCall(1, 'echo', { value: 'still here' }), inSession(id));
  expect(await answer.text()).toContain('still here');
});

test('a refusal on /mcp is a JSON-RPC error with Retry-After, and tells no numbers', async () => {
  const lab = await startLab({ maxConnections: '1' });
  await openSession(lab.url);
  const answer = await post(lab.url, initialize());
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get('retry-after'))).toBeOneOf([4, 5, 6]);
  const text = await answer.text();
  expect(JSON.parse(text)).toMatchObject({ jsonrpc: '2.0', error: { code: 503, data: { reason: 'capacity' } } });
  expect(text).not.toMatch(/connections"/);
});

test('http-compat serves both transports on one port, and refuses an old client with the original’s body', async () => {
  const lab = await startLab({ transport: 'http-compat', maxConnections: '2' });
  await openSession(lab.url);
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const sse = await fetch(`${lab.origin}/sse`, { headers: { accept: 'text/event-stream' }, signal: gone.signal });
  const stream = events(sse);
  const { value: endpoint } = await stream.next();
  expect(endpoint?.data).toMatch(/^\/messages\?sessionId=/);
  const accepted = await post(`${lab.origin}${endpoint?.data}`, initialize('2024-11-05'));
  expect(accepted.status).toBe(202);
  const { value: answered } = await stream.next();
  expect(answered && messageIn(answered)).toMatchObject({ id: 'init', result: { protocolVersion: '2024-11-05' } });

  const refused = await fetch(`${lab.origin}/sse`, { headers: { accept: 'text/event-stream' } });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeOneOf([4, 5, 6]);
  expect(await refused.json()).toEqual({
    error: 'Server at capacity',
    message: expect.stringMatching(/try again/i),
    active_connections: 2,
    max_connections: 2,
  });
});

test('--stateless answers GET and DELETE with 405, and takes no notice of a session id', async () => {
  const lab = await startLab({ stateless: 'true' });
  for (const method of ['GET', 'DELETE']) {
    const answer = await fetch(lab.url, { method, headers: { accept: 'text/event-stream' } });
    expect({ status: answer.status, allow: answer.headers.get('allow') }).toEqual({
      status: 405,
      allow: 'POST, OPTIONS',
    });
    await answer.body?.cancel();
  }
  const answer = await post(lab.url, toolCall(1, 'echo', { value: 'no session' }), inSession('of-another-server'));
  expect(answer.status).toBe(200);
  expect(await answer.text()).toContain('no session');
});

test('an unknown session is 404', async () => {
  const lab = await startLab();
  expect((await post(lab.url, toolCall(1, 'echo'), inSession('of-another-server'))).status).toBe(404);
});

test('a call in flight is answered after the signal to stop', async () => {
  const lab = await startLab({ longestCall: '5s' });
  const id = await openSession(lab.url);
  const call = post(lab.url, toolCall(1, 'wait', { ms: 300 }), inSession(id)).then((answer) => answer.text());
  await expect.poll(() => lab.notes.running).toBe(1);
  const stopped = lab.stop();
  expect(await call).toContain('"result"');
  await stopped;
});
