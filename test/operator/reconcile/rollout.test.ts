import { expect, test } from 'vitest';
import { cameOut, isPaused, rolloutOf } from '../../../src/operator/reconcile/rollout.ts';

const PODS = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3 };
const progressing = (reason: string) => ({ conditions: [{ type: 'Progressing', status: 'True', reason }] });
const ONCE = progressing('NewReplicaSetAvailable');
const LATE = progressing('ProgressDeadlineExceeded');

test.for([
  ['all pods are there', PODS, 'complete', true],
  ['none is wanted', { observedGeneration: 2 }, 'rolling', false],
  ['some are still of before', { ...PODS, replicas: 4 }, 'rolling', false],
  ['some are missing', { ...PODS, availableReplicas: 2 }, 'rolling', false],
  ['some are missing that were there once', { ...PODS, ...ONCE, availableReplicas: 2 }, 'rolling', true],
  ['none is new yet', { ...PODS, ...ONCE, updatedReplicas: 0 }, 'rolling', false],
  ['it is about what was wanted before', { ...PODS, ...ONCE, observedGeneration: 1 }, 'rolling', false],
  ['new ones did not come in time', { ...PODS, ...LATE, updatedReplicas: 1 }, 'stuck', false],
  ['those of before did not', { ...PODS, ...LATE, observedGeneration: 1 }, 'rolling', false],
  ['nothing is said', undefined, 'rolling', false],
] as const)('%s', ([, status, rollout, out]) => {
  const deployment = { metadata: { generation: 2 }, spec: { replicas: 3 }, status: status as never };
  expect(rolloutOf(deployment)).toBe(rollout);
  expect(cameOut(deployment)).toBe(out);
});

test('a Deployment is paused only if it says so', () => {
  expect([{}, { spec: {} }, { spec: { paused: false } }, { spec: { paused: true } }].map(isPaused)).toEqual([
    ...[false, false, false],
    true,
  ]);
});
