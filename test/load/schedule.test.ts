import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { AtRate, WithoutPause } from '../../src/load/schedule.ts';

test('at a rate, a call counts from when it was due if nobody was free then', async () => {
  const schedule = new AtRate(100);
  const first = await schedule.next({});
  await sleep(105);
  const late = await Promise.all(Array.from({ length: 5 }, () => schedule.next({})));
  expect(late.map((begun) => Math.round((begun ?? 0) - (first ?? 0)))).toEqual([10, 20, 30, 40, 50]);
  schedule.end();
  expect(schedule.unsent).toBeGreaterThanOrEqual(4);
  expect(await schedule.next({})).toBeUndefined();
});

test('at a rate, those who are free wait for the next call, in turns', async () => {
  const schedule = new AtRate(200);
  const order: string[] = [];
  const caller = async (name: string) => {
    for (let i = 0; i < 3; i++) {
      await schedule.next(order);
      order.push(name);
    }
  };
  const begun = performance.now();
  await Promise.all([caller('a'), caller('b')]);
  expect(performance.now() - begun).toBeGreaterThanOrEqual(24);
  expect(order.filter((name) => name === 'a')).toHaveLength(3);
  let last = schedule.next(order);
  // Whatever was due meanwhile on a busy machine is made first.
  while (typeof last === 'number') last = schedule.next(order);
  schedule.end();
  expect(await last).toBeUndefined();
  expect(schedule.unsent).toBe(0);
});

test('a rate of 0 has those wait who call until they are woken, or it ends', async () => {
  const schedule = new AtRate(0);
  const [one, other] = [{}, {}];
  const waiting = [schedule.next(one), schedule.next(other)];
  schedule.wake(one);
  expect(await waiting[0]).toBeUndefined();
  schedule.end();
  expect(await waiting[1]).toBeUndefined();
  expect(schedule.unsent).toBe(0);
});

test('without a rate a call is due at once, until the end', () => {
  const schedule = new WithoutPause();
  expect(schedule.next()).toBeGreaterThan(0);
  schedule.end();
  expect(schedule.next()).toBeUndefined();
});
