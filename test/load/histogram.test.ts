import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Histogram } from '../../src/load/histogram.ts';

const RANKS = [0, 1, 50, 90, 99, 99.9, 100];

function exactly(times: readonly number[], hundredths: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil((times.length * hundredths) / 100)) - 1] as number;
}

test('percentiles are within 1 % of the exact ones, whatever the times', () => {
  const time = fc.oneof(fc.double({ min: 1e-4, max: 1e7, noNaN: true }), fc.double({ min: 0.1, max: 50, noNaN: true }));
  fc.assert(
    fc.property(fc.array(time, { minLength: 1, maxLength: 500 }), (times) => {
      const histogram = new Histogram();
      for (const one of times) histogram.record(one);
      for (const rank of RANKS) {
        const exact = exactly(times, rank);
        expect(Math.abs(histogram.percentile(rank) - exact) / exact).toBeLessThanOrEqual(0.01);
      }
      expect(histogram.latencies?.max).toBe(Math.max(...times));
      expect(histogram.count).toBe(times.length);
    }),
  );
});

test('times that no clock shows are counted and break nothing', () => {
  const histogram = new Histogram();
  for (const time of [0, -1, 1e12]) histogram.record(time);
  expect(histogram.count).toBe(3);
  expect(histogram.latencies?.max).toBe(1e12);
});

test('without times there are no latencies', () => {
  expect(new Histogram().latencies).toBeUndefined();
  expect(new Histogram().percentile(50)).toBeNaN();
});
