import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { basics, json, type Script, startScripted } from '../../fixtures/upstream/scripted.ts';
import { until } from './raw-client.ts';
import { serve } from './serving.ts';

async function startBoth(script: Script) {
  const upstream = await startScripted((seen, res, req) => {
    if (seen.method === 'GET' && seen.path !== '/mcp') return script(seen, res, req);
    basics(seen, res);
  });
  onTestFinished(() => upstream.stop());
  return { upstream, berth: await serve(upstream.url) };
}

/** The status line of the answer to a GET whose target goes out as it is. */
function statusOf(port: number, target: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.once('close', () => resolve(text.split('\r\n', 1)[0] ?? ''));
    socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  });
}

test.for([
  '/.well-known/../secret?x=1',
  '/.well-known/%2e%2e/secret',
  '/.well-known/.%2E/secret',
  '/.well-known/..\\secret',
  '/.well-known/..%2fsecret',
  '/.well-known/%252e%252e/secret',
  '/.well-known/x/../../secret',
])('%s leads nowhere at the upstream', async (target) => {
  const { upstream, berth } = await startBoth((_, res) => json(res, 'secret'));
  expect(await statusOf(berth.server.port, target)).toContain('404');
  expect(upstream.seen.filter(({ method }) => method === 'GET')).toEqual([]);
});

test('many that ask for it at once are turned away, and admitted again later', async () => {
  const held: (() => void)[] = [];
  const { upstream, berth } = await startBoth((_, res) => void held.push(() => json(res, 'there')));
  const ask = () => fetch(`${berth.origin}/.well-known/any`).then((answer) => answer.text().then(() => answer.status));
  const asked = Array.from({ length: 20 }, ask);
  await until(() => held.length === 16);
  for (const answer of held) answer();
  const statuses = await Promise.all(asked);
  expect(statuses.filter((status) => status === 200)).toHaveLength(16);
  expect(statuses.filter((status) => status === 503)).toHaveLength(4);
  upstream.script((_, res) => json(res, 'there'));
  expect(await ask()).toBe(200);
});
