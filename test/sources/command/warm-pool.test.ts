import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ChildExit } from '../../../src/sources/command/child.ts';
import { WarmPool } from '../../../src/sources/command/warm-pool.ts';
import { keptLog } from './behaving.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Of a session that does not close. */
const forever = new AbortController().signal;

class PlayedChild {
  readonly #exit = Promise.withResolvers<ChildExit>();
  readonly #gone = Promise.withResolvers<void>();
  readonly exited = this.#exit.promise;
  readonly gone = this.#gone.promise;
  /** Its process has ended, with nothing told of it yet. */
  ended = false;

  end(code = 1): void {
    this.ended = true;
    this.#exit.resolve({ code, signal: null, reason: undefined, lastWords: 'no such table' });
    this.#gone.resolve();
  }

  async close(): Promise<void> {
    this.end(0);
  }
}

function poolOf({ warm, limit = 100, crash = false }: { warm: number; limit?: number; crash?: boolean }) {
  const spawned: PlayedChild[] = [];
  const { log, entries } = keptLog();
  const pool = new WarmPool({
    spawn() {
      const child = new PlayedChild();
      spawned.push(child);
      if (crash) setTimeout(() => child.end(), 100);
      return child;
    },
    warm,
    limit,
    log,
    clock: () => Date.now(),
  });
  const living = () => spawned.filter(({ ended }) => !ended).length;
  return { pool, spawned, entries, living, keep: new AbortController() };
}

test('children are made ready two at a time', async () => {
  const { pool, spawned, keep } = poolOf({ warm: 5 });
  expect(spawned).toHaveLength(0);
  pool.keepWarm(keep.signal);
  expect(spawned).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(spawned).toHaveLength(5);
});

test('the child that waited longest is taken, and replaced', async () => {
  const { pool, spawned, keep } = poolOf({ warm: 2 });
  pool.keepWarm(keep.signal);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([await pool.take(forever), await pool.take(forever)]).toEqual(spawned.slice(0, 2));
  expect(await pool.take(forever)).toBe(spawned[2]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(spawned).toHaveLength(5);
  expect(pool.waiting).toBe(2);
});

test('a pool that keeps none warm starts one for each that is taken', async () => {
  const { pool, spawned, keep } = poolOf({ warm: 0 });
  pool.keepWarm(keep.signal);
  expect(await pool.take(forever)).toBe(spawned[0]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(spawned).toHaveLength(1);
});

test('there are never more children than the limit, and a place that is free again is used', async () => {
  const { pool, spawned, keep, living } = poolOf({ warm: 3, limit: 4 });
  pool.keepWarm(keep.signal);
  let most = 0;
  for (let session = 0; session < 4; session++) {
    await pool.take(forever);
    for (let step = 0; step < 10; step++) {
      await vi.advanceTimersByTimeAsync(300);
      most = Math.max(most, living());
    }
  }
  expect(most).toBe(4);
  expect(pool.waiting).toBe(0);
  spawned[0]?.end(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(pool.waiting).toBe(1);
  expect(living()).toBe(4);
});

test('children that die of their start are started ever less often, with a word each time', async () => {
  const { pool, spawned, entries, keep } = poolOf({ warm: 3, crash: true });
  pool.keepWarm(keep.signal);
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  expect(entries.map(({ pauseMs }) => pauseMs).slice(0, 8)).toEqual([
    ...[1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000],
  ]);
  expect(entries[0]).toMatchObject({ level: 40, code: 1, lastWords: 'no such table' });
  expect(spawned.length).toBeLessThanOrEqual(2 * entries.length);
  // A session does not wait for the pause to end.
  expect(await pool.take(forever)).toBe(spawned.at(-1));
});

test('a child that ends after a long wait is replaced without a word', async () => {
  const { pool, spawned, entries, keep } = poolOf({ warm: 1 });
  pool.keepWarm(keep.signal);
  await vi.advanceTimersByTimeAsync(60_000);
  spawned[0]?.end();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(pool.waiting).toBe(1);
  expect(await pool.take(forever)).toBe(spawned[1]);
  expect(entries).toEqual([]);
});

test.for(['close', 'signal'] as const)('a pool that ends by %s ends those that wait and no others', async (how) => {
  const { pool, spawned, keep } = poolOf({ warm: 2 });
  pool.keepWarm(keep.signal);
  const taken = await pool.take(forever);
  await vi.advanceTimersByTimeAsync(1_000);
  if (how === 'close') await pool.close();
  else keep.abort();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(spawned).toHaveLength(3);
  expect(spawned.filter(({ ended }) => !ended)).toEqual([taken]);
});

test('there are never more children than the limit: a session waits until one is gone, the first one first', async () => {
  const { pool, spawned, living } = poolOf({ warm: 0, limit: 2 });
  const [first] = [await pool.take(forever), await pool.take(forever)];
  const served: string[] = [];
  const third = pool.take(forever).then((child) => served.push('third') && child);
  void pool.take(forever).then(() => served.push('fourth'));
  // It is told to close, and takes its time.
  await vi.advanceTimersByTimeAsync(10_000);
  expect([spawned.length, served]).toEqual([2, []]);
  first.end();
  expect(await third).toBe(spawned[2]);
  expect([living(), served]).toEqual([2, ['third']]);
  spawned[1]?.end();
  await vi.advanceTimersByTimeAsync(0);
  expect([living(), served]).toEqual([2, ['third', 'fourth']]);
});

test('a session that waits goes before a child that is made ready', async () => {
  const { pool, spawned, keep } = poolOf({ warm: 1, limit: 1 });
  pool.keepWarm(keep.signal);
  const first = await pool.take(forever);
  const waiting = pool.take(forever);
  await vi.advanceTimersByTimeAsync(5_000);
  first.end();
  expect(await waiting).toBe(spawned[1]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect([spawned.length, pool.waiting]).toEqual([2, 0]);
});

test('a session that closes while it waits gets no child, and lets the next one go ahead', async () => {
  const { pool, spawned } = poolOf({ warm: 0, limit: 1 });
  const first = await pool.take(forever);
  const closing = new AbortController();
  const gaveUp = pool.take(closing.signal);
  const next = pool.take(forever);
  closing.abort(new Error('closed'));
  await expect(gaveUp).rejects.toThrow('closed');
  await expect(pool.take(closing.signal)).rejects.toThrow('closed');
  first.end();
  expect(await next).toBe(spawned[1]);
  expect(spawned).toHaveLength(2);
});

test('a pool that closes starts no more, for those that wait neither', async () => {
  const { pool, spawned } = poolOf({ warm: 0, limit: 1 });
  const first = await pool.take(forever);
  const waiting = pool.take(forever);
  await Promise.all([expect(waiting).rejects.toThrow('served no longer'), pool.close()]);
  first.end();
  await expect(pool.take(forever)).rejects.toThrow('served no longer');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(spawned).toHaveLength(1);
});

test('a child whose process has ended is not given out, though its end is not told yet', async () => {
  const { pool, spawned, keep } = poolOf({ warm: 2 });
  pool.keepWarm(keep.signal);
  const [dead, sound] = spawned as [PlayedChild, PlayedChild];
  dead.ended = true;
  expect(await pool.take(forever)).toBe(sound);
  expect(await pool.take(forever)).toBe(spawned[2]);
});
