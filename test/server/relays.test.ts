import { get, type ServerResponse } from 'node:http';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Relays } from '../../src/server/fleet/relays.ts';
import { askWithoutReading, listen } from './unread-response.ts';

/** More than what all sockets and buffers on the way take. */
const LONG = 'x'.repeat(40 * 1024 ** 2);

/** A peer's answer on its way through a pod to a client that has not read any of it. */
async function relayed(answerOf: (res: ServerResponse) => void) {
  const peerPort = await listen((_req, res) => answerOf(res));
  const relays = new Relays();
  const passing = Promise.withResolvers<{ res: ServerResponse; over: Promise<void> }>();
  const port = await listen((_req, res) => {
    get({ port: peerPort, host: '127.0.0.1', agent: false }, (answer) => {
      passing.resolve({ res, over: relays.pass(answer, res, undefined) });
    });
  });
  const client = askWithoutReading(port);
  return { client, ...(await passing.promise) };
}

const withLength = (res: ServerResponse) => res.setHeader('content-length', LONG.length).end(LONG);
const withoutLength = (res: ServerResponse) => {
  res.write(LONG.slice(0, LONG.length / 2));
  res.end(LONG.slice(LONG.length / 2));
};

test.each([
  ['with its length', withLength],
  ['without its length', withoutLength],
])('a long answer of a peer whose client takes next to nothing is cut: %s', async (_what, answerOf) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const { res, over } = await relayed(answerOf);
  await vi.waitUntil(() => res.writableLength > 0);
  await vi.advanceTimersByTimeAsync(29_000);
  expect(res.destroyed).toBe(false);
  await vi.advanceTimersByTimeAsync(45 * 60_000);
  expect(res.destroyed).toBe(true);
  await over;
  expect(vi.getTimerCount()).toBe(0);
});

test('a client that takes nothing for 30 s is cut', async () => {
  const { res, over } = await relayed(withLength);
  await vi.waitUntil(() => res.writableLength > 0);
  expect(res.socket?.timeout).toBe(30_000);
  // What Node does by a clock of its own.
  res.socket?.emit('timeout');
  expect(res.destroyed).toBe(true);
  await over;
});

test('a peer that pauses in its answer is waited for, and the answer comes whole', async () => {
  const paused = Promise.withResolvers<() => void>();
  const { client, res, over } = await relayed((answer) => {
    answer.write('x'.repeat(100_000));
    paused.resolve(() => answer.end('y'.repeat(100_000)));
  });
  let read = 0;
  client
    .on('data', (chunk: Buffer) => (read += chunk.filter((byte) => byte === 0x78 || byte === 0x79).length))
    .resume();
  await expect.poll(() => read).toBe(100_000);
  res.socket?.emit('timeout');
  expect(res.destroyed).toBe(false);
  (await paused.promise)();
  await expect.poll(() => read).toBe(200_000);
  client.destroy();
  await over;
});
