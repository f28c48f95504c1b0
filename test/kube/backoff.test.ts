import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backoff } from '../../src/kube/backoff.ts';

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('no wait is shorter than the least or longer than the most, after however many failures', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.nat(100_000),
      fc.nat(2_000),
      chance,
      (least, more, failures, random) => {
        const backoff = new Backoff({ leastMs: least, mostMs: least + more, random: () => random });
        for (let failure = 0; failure < failures; failure++) backoff.next();
        const wait = backoff.next();
        expect(wait).toBeGreaterThanOrEqual(least);
        expect(wait).toBeLessThanOrEqual(least + more);
      },
    ),
  );
});

test('waits get longer with each failure until the most, whatever chance adds, and short again when it worked', () => {
  fc.assert(
    fc.property(fc.array(chance, { minLength: 8, maxLength: 8 }), (chances) => {
      const rolls = chances.values();
      const backoff = new Backoff({ leastMs: 200, mostMs: 30_000, random: () => rolls.next().value ?? 0 });
      const waits = Array.from({ length: 6 }, () => backoff.next());
      expect(waits).toEqual(waits.toSorted((a, b) => a - b));
      backoff.reset();
      expect(backoff.next()).toBeLessThanOrEqual(400);
    }),
  );
});
