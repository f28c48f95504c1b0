import { expect, onTestFinished, test, vi } from 'vitest';
import { answerText } from '../../src/server/answers.ts';
import { unreadResponse } from './unread-response.ts';

/** More than what both ends' socket buffers take. */
const LONG = 'x'.repeat(20 * 1024 ** 2);

/** An answer whose client has not read any of it, and the client. */
async function answered(text: string) {
  const { client, res } = await unreadResponse();
  return { client, res, taken: answerText(res, 200, text) };
}

test('a long answer is over when its reader has it', async () => {
  const { client, taken } = await answered(LONG);
  let over = false;
  void taken?.then(() => (over = true));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(over).toBe(false);
  let read = 0;
  client.on('data', (chunk: Buffer) => (read += chunk.length)).resume();
  await taken;
  await expect.poll(() => read).toBeGreaterThan(LONG.length);
});

test('a long answer whose reader takes next to nothing is cut after a time that goes by its length', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { res, taken } = await answered(LONG);
  await vi.advanceTimersByTimeAsync(20 * 60_000);
  expect(res.destroyed).toBe(false);
  await vi.advanceTimersByTimeAsync(2 * 60_000);
  expect(res.destroyed).toBe(true);
  await taken;
  expect(vi.getTimerCount()).toBe(0);
});

test('a short answer waits for nobody', async () => {
  const { taken } = await answered('{}');
  expect(taken).toBeUndefined();
});
