import { expect, test } from 'vitest';
import { Pace } from '../../../src/operator/reconcile/pace.ts';

function taken(pace: Pace, tries: number): number {
  return Array.from({ length: tries }, () => pace.take()).filter(Boolean).length;
}

test('a second’s worth passes at once, and then as time does', () => {
  let now = 0;
  const pace = new Pace(5, () => now);
  expect(taken(pace, 100)).toBe(5);
  now += 199;
  expect(taken(pace, 100)).toBe(0);
  now += 1;
  expect(taken(pace, 100)).toBe(1);
  now += 400;
  expect(taken(pace, 100)).toBe(2);
});

test('what nobody took is not saved up', () => {
  let now = 0;
  const pace = new Pace(5, () => now);
  now += 3_600_000;
  expect(taken(pace, 100)).toBe(5);
});
