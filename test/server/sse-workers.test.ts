import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { Connections } from '../../src/server/metrics.ts';
import { eventually } from './running.ts';
import { openSse, type Refused, textIn } from './sse-client.ts';
import { toolCall } from './wire.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const lab = fileURLToPath(new URL('../fixtures/lab-module.ts', import.meta.url));
const QUICK = [
  '--port',
  '0',
  '--admin-port',
  '0',
  '--drain-delay',
  '0s',
  '--drain-window',
  '0s',
  '--max-call-delay',
  '1h',
];

test('workers on one port are one server for old clients too, to the end', { timeout: 30_000 }, async () => {
  const flags = ['--workers', '2', '--max-connections', '3', '--transport', 'sse'];
  const child = spawn(process.execPath, [main, 'serve', lab, ...flags, ...QUICK], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exit = once(child, 'close');
  const started = Promise.withResolvers<{ port: number; adminPort: number }>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.includes('"Started server"')) started.resolve(JSON.parse(line));
  });
  const { port, adminPort } = await started.promise;
  const origin = `http://127.0.0.1:${port}`;
  const counts = async () => (await (await fetch(`http://127.0.0.1:${adminPort}/connections`)).json()) as Connections;
  const streams = await Promise.all(Array.from({ length: 6 }, () => openSse(origin)));
  expect(await openSse(origin).catch((error: Refused) => error)).toMatchObject({ status: 503 });
  expect(await counts()).toMatchObject({ active: 6, max: 6, sessions: { active: 6 }, streams: { sse: 6 } });
  // Connections are spread over the workers: most of these arrive at one that does not have the session.
  const answers = streams.map((stream) =>
    Promise.all([1, 2, 3].map((id) => stream.call(toolCall(id, 'echo', { value: `${id}` })))),
  );
  for (const each of await Promise.all(answers)) expect(each.map(textIn)).toEqual(['1', '2', '3']);
  for (const stream of streams.slice(1)) stream.leave();
  await eventually(counts, ({ active }) => active === 1);
  const [last] = streams as [(typeof streams)[number]];
  await last.post(toolCall(4, 'wait', { ms: 800 }));
  await eventually(counts, ({ requestsInFlight }) => requestsInFlight.legacy === 1);
  child.kill('SIGTERM');
  expect(textIn(await last.answer(4))).toBe('waited');
  expect((await exit)[0]).toBe(0);
  expect(last.frames.at(-1)).toEqual({ retry: expect.any(String) });
});
