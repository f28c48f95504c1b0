import { expect, test } from 'vitest';
import { MovingMean } from '../../src/server/moving-mean.ts';

function meanWithClock() {
  let now = 100_000;
  const mean = new MovingMean(15, () => now);
  return { mean, pass: (ms: number) => (now += ms) };
}

test('a value held for the whole window is its own mean', () => {
  const { mean, pass } = meanWithClock();
  mean.set(4);
  pass(16_000);
  expect(mean.mean).toBeCloseTo(4, 6);
});

test('requests shorter than a sample are seen by their share of the time', () => {
  const { mean, pass } = meanWithClock();
  for (let i = 0; i < 160; i++) {
    mean.set(10);
    pass(20);
    mean.set(0);
    pass(80);
  }
  expect(mean.mean).toBeCloseTo(2, 1);
});

test('the mean is zero again when nothing was held for the window', () => {
  const { mean, pass } = meanWithClock();
  mean.set(1_000);
  pass(5_000);
  mean.set(0);
  pass(16_000);
  expect(mean.mean).toBe(0);
});

test('a day without a change costs nothing and is right', () => {
  const { mean, pass } = meanWithClock();
  mean.set(3);
  pass(86_400_123);
  expect(mean.mean).toBeCloseTo(3, 6);
});
