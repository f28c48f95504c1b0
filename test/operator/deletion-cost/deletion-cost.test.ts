import { expect, test } from 'vitest';
import { COST_MANAGER, costOf, DELETION_COST } from '../../../src/operator/deletion-cost/deletion-cost.ts';

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
  expect(costOf(pod([COST_MANAGER, 'another'])), 'two that apply the same').toEqual({ value: 7, foreign: true });
  expect(costOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } })).toEqual({ value: 0, foreign: false });
});
