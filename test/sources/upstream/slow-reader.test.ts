import { type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { collectGarbage } from '../../fixtures/collect-garbage.ts';
import { basics, startScripted, stream } from '../../fixtures/upstream/scripted.ts';
import { inSession, JSON_AND_EVENTS, openSession, toolCall } from '../../server/wire.ts';
import { until } from './raw-client.ts';
import { serve } from './serving.ts';

const MIB = 1024 * 1024;
const MESSAGES = 1_024;
const MESSAGE_BYTES = 256 * 1024;
/** What the kernel holds of two connections on loopback, and what berth does. */
const MOST_AHEAD = 32 * MIB;

test('a stream of 256 MiB through a slow reader costs a bounded part of that, on the way and in memory', {
  timeout: 90_000,
}, async () => {
  let written = 0;
  const filler = 'x'.repeat(MESSAGE_BYTES);
  const upstream = await startScripted(async (seen, res) => {
    if (basics(seen, res)) return;
    const write = stream(res);
    for (let i = 0; i < MESSAGES && !res.destroyed; i++) {
      const params = { progressToken: 1, progress: i, message: filler };
      if (!write({ jsonrpc: '2.0', method: 'notifications/progress', params })) {
        await new Promise((resolve) => res.once('drain', resolve));
      }
      written += MESSAGE_BYTES;
    }
    write({ jsonrpc: '2.0', id: seen.message.id, result: { content: [] } });
    res.end();
  });
  onTestFinished(() => upstream.stop());
  const berth = await serve(upstream.url);
  const id = await openSession(berth.url);
  const answer = await new Promise<IncomingMessage>((resolve) => {
    const headers = { ...JSON_AND_EVENTS, ...inSession(id) };
    request(berth.url, { method: 'POST', headers }, resolve).end(JSON.stringify(toolCall(1, 'flood')));
  });
  const memory = () => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = memory();

  // At first it reads nothing at all: everything comes to a halt.
  await until(async () => {
    const now = written;
    await sleep(300);
    return now > 0 && written === now;
  });
  expect(written).toBeLessThan(MOST_AHEAD);

  let read = 0;
  let furthestAhead = 0;
  let mostMemory = 0;
  let tail = '';
  let pauseAt = 16 * MIB;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    read += chunk.length;
    tail = chunk.subarray(-200).toString();
    furthestAhead = Math.max(furthestAhead, written - read);
    if (read < pauseAt) continue;
    pauseAt += 16 * MIB;
    mostMemory = Math.max(mostMemory, memory() - before);
    await sleep(10);
  }
  expect(tail).toContain('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}');
  expect(read).toBeGreaterThan(MESSAGES * MESSAGE_BYTES);
  expect(furthestAhead).toBeLessThan(MOST_AHEAD);
  // Of both servers and the reader together.
  expect(mostMemory).toBeLessThan(3 * MOST_AHEAD);
});
