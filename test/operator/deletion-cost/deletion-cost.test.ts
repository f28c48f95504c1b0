import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Candidate,
  COST_MANAGER,
  costFor,
  costOf,
  costStep,
  DELETION_COST,
  ranksByConnections,
} from '../../../src/operator/deletion-cost/deletion-cost.ts';

const pods = fc.tuple(
  fc.integer({ min: 1, max: 2_000 }),
  fc.array(fc.record({ share: fc.double({ min: 0, max: 1.2, noNaN: true }), cost: fc.integer({ min: 0, max: 30 }) })),
);
const candidatesOf = ([max, list]: readonly [number, readonly { share: number; cost: number }[]]): Candidate[] =>
  list.map(({ share, cost }) => ({
    connections: Math.floor(share * max),
    maxConnections: max,
    cost: cost * costStep(max),
  }));

test('pods with the costs of what they hold go in the order of what they hold, to within a step', () => {
  fc.assert(
    fc.property(pods, (drawn) => {
      const ranked = candidatesOf(drawn).map((pod) => ({ ...pod, cost: costFor(pod.connections, pod.maxConnections) }));
      expect(ranksByConnections(ranked)).toBe(true);
    }),
  );
});

test('costs rank pods exactly when none can go before one that holds a step less', () => {
  fc.assert(
    fc.property(pods, (drawn) => {
      const list = candidatesOf(drawn);
      const wrong = list.some((a) =>
        list.some((b) => a !== b && a.cost <= b.cost && a.connections >= b.connections + costStep(b.maxConnections)),
      );
      expect(ranksByConnections(list)).toBe(!wrong);
    }),
  );
});

test('with a small cap every connection counts, with a large one only a twentieth of it', () => {
  expect([costFor(7, 10), costFor(8, 10)]).toEqual([7, 8]);
  expect([costFor(149, 1_000), costFor(150, 1_000)]).toEqual([100, 150]);
});

const pod = (managers: readonly string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'a',
    annotations: { [DELETION_COST]: '7' },
    managedFields: managers.map((manager) => ({
      manager,
      fieldsV1: { 'f:metadata': { 'f:annotations': { [`f:${DELETION_COST}`]: {} } } },
    })),
  },
});

test('a cost that somebody else has set is theirs', () => {
  expect(costOf(pod([COST_MANAGER]))).toEqual({ value: 7, foreign: false });
  expect(costOf(pod(['kubectl-annotate']))).toEqual({ value: 7, foreign: true });
  expect(costOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } })).toEqual({ value: 0, foreign: false });
});
