import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { KeyQueue, type KeyQueueOptions } from '../../../src/operator/reconcile/key-queue.ts';

function running(work: KeyQueueOptions['work'], { workers = 4, failed = () => {} }: Partial<KeyQueueOptions> = {}) {
  const queue = new KeyQueue({ work, workers, failed, clock: () => performance.now() });
  const stop = new AbortController();
  const ended = queue.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
  return { queue, stop, ended };
}

test('a key that is added many times is worked on once', async () => {
  const worked: string[] = [];
  const { queue } = running(async (key) => void worked.push(key));
  for (let time = 0; time < 10; time++) queue.add('a');
  queue.add('b');
  await expect.poll(() => worked).toEqual(['a', 'b']);
  await sleep(20);
  expect(worked).toEqual(['a', 'b']);
});

test('a key that comes while it is worked on comes once more, and never twice at a time', async () => {
  let most = 0;
  let now = 0;
  let passes = 0;
  const { queue } = running(async () => {
    most = Math.max(most, ++now);
    if (++passes === 1) for (let time = 0; time < 5; time++) queue.add('a');
    await sleep(10);
    now--;
    return undefined;
  });
  queue.add('a');
  await expect.poll(() => passes).toBe(2);
  await sleep(30);
  expect({ passes, most }).toEqual({ passes: 2, most: 1 });
});

test('the earlier of two times wins, whichever comes first', async () => {
  const at: number[] = [];
  const began = performance.now();
  const { queue } = running(async () => void at.push(performance.now() - began));
  queue.add('a', 60_000);
  queue.add('a', 30);
  queue.add('a', 60_000);
  await expect.poll(() => at.length).toBe(1);
  expect(at[0]).toBeGreaterThanOrEqual(29);
});

test('no more keys are worked on at a time than there are workers', async () => {
  let [now, most, done] = [0, 0, 0];
  const work = async () => {
    most = Math.max(most, ++now);
    await sleep(5);
    now--;
    done++;
    return undefined;
  };
  const { queue } = running(work, { workers: 3 });
  for (let key = 0; key < 20; key++) queue.add(String(key));
  await expect.poll(() => done).toBe(20);
  expect(most).toBe(3);
});

test('what fails is tried again, later each time, and does not hold up the others', async () => {
  const retries: number[] = [];
  let others = 0;
  const work = async (key: string) => {
    if (key === 'bad' && retries.length < 2) throw new Error('no');
    if (key === 'good') others++;
    return undefined;
  };
  const { queue } = running(work, { failed: (_key, _error, retryMs) => void retries.push(retryMs), workers: 1 });
  queue.add('bad');
  queue.add('good');
  await expect.poll(() => others).toBe(1);
  await expect.poll(() => retries.length, { timeout: 5_000 }).toBe(2);
  expect(retries[0]).toBeGreaterThanOrEqual(500);
  expect(retries[1]).toBeGreaterThanOrEqual(1_000);
});

test('work asks to be called again', async () => {
  let passes = 0;
  const { queue } = running(async () => (++passes < 3 ? 5 : undefined));
  queue.add('a');
  await expect.poll(() => passes).toBe(3);
  expect(queue.size).toBe(0);
});

test('at the end what was begun is finished, and nothing else is begun', async () => {
  const done: string[] = [];
  const { queue, stop, ended } = running(
    async (key) => {
      await sleep(20);
      done.push(key);
      return undefined;
    },
    { workers: 1 },
  );
  queue.add('a');
  queue.add('b');
  await sleep(5);
  stop.abort();
  await ended;
  expect(done).toEqual(['a']);
});

test('work that is cut off at the end has not failed', async () => {
  const failures: string[] = [];
  const work = async (_key: string, signal: AbortSignal) => {
    await sleep(60_000, undefined, { signal });
    return undefined;
  };
  const { queue, stop, ended } = running(work, { failed: (key) => void failures.push(key) });
  queue.add('a');
  await sleep(5);
  stop.abort();
  await ended;
  expect(failures).toEqual([]);
});
