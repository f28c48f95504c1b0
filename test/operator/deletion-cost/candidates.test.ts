import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  alwaysLosesTheEmptiest,
  type Candidate,
  losesTheEmptiest,
} from '../../../src/operator/deletion-cost/candidates.ts';
import { costFor, costStep } from '../../../src/operator/deletion-cost/cost-step.ts';

const MAX = 100;
const pods = fc.array(
  fc.record({
    connections: fc.integer({ min: 0, max: MAX }),
    cost: fc.integer({ min: 0, max: 20 }).map((steps) => steps * costStep(MAX)),
    ready: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);
const candidate = ({ connections, cost, ready }: { connections: number; cost: number; ready: boolean }): Candidate => ({
  connections,
  pod: { ready, cost: { value: cost, foreign: false } },
});

test('pods with the costs of what they hold go in the order of what they hold', () => {
  fc.assert(
    fc.property(pods, (drawn) => {
      const ranked = drawn.map((pod) => candidate({ ...pod, ready: true, cost: costFor(pod.connections, MAX) }));
      ranked.forEach((_, count) => {
        expect(losesTheEmptiest(ranked, count, MAX)).toBe(true);
      });
    }),
  );
});

test('whatever a ReplicaSet picks of those that go first, it holds little more than what could have gone', () => {
  fc.assert(
    fc.property(pods, fc.nat(12), (drawn, count) => {
      fc.pre(count > 0 && count < drawn.length);
      if (!losesTheEmptiest(drawn.map(candidate), count, MAX)) return;
      // The least fortunate choice among equals.
      const gone = drawn
        .toSorted((a, b) => Number(a.ready) - Number(b.ready) || a.cost - b.cost || b.connections - a.connections)
        .slice(0, count)
        .map(({ connections }) => connections);
      const least = drawn.map(({ connections }) => connections).sort((a, b) => a - b)[count - 1] ?? 0;
      expect(Math.max(...gone)).toBeLessThanOrEqual(least + 3 * costStep(MAX));
    }),
  );
});

test('with a small cap every connection has its cost, with a large one only a twentieth of it', () => {
  expect([costFor(7, 10), costFor(8, 10)]).toEqual([7, 8]);
  expect([costFor(149, 1_000), costFor(150, 1_000)]).toEqual([100, 150]);
});

test('always is for every number of pods', () => {
  fc.assert(
    fc.property(pods, (drawn) => {
      const all = drawn.map(candidate);
      const each = all.every((_, count) => losesTheEmptiest(all, count, MAX));
      expect(alwaysLosesTheEmptiest(all, MAX)).toBe(each);
    }),
  );
});
