import { expect, test } from 'vitest';
import { conditionsFrom, type Observed, verdictsOn } from '../../../src/operator/reconcile/conditions.ts';

const deployment = (status: object, replicas = 3): Observed['deployment'] => ({
  metadata: { generation: 2 },
  spec: { replicas } as never,
  status: { observedGeneration: 2, ...status },
});
const rolledOut = deployment({ replicas: 3, updatedReplicas: 3, availableReplicas: 3 });
const fine: Observed = {
  deployment: rolledOut,
  occupancy: { connections: 10, capacity: 300, waiting: 0 },
  troubles: [],
  waitsForTurn: false,
  turnIsOf: undefined,
  metrics: { available: true, reason: 'Registered', message: 'Served.' },
};

const shown = (over: Partial<Observed>) =>
  Object.fromEntries(verdictsOn({ ...fine, ...over }).map(({ type, status, reason }) => [type, `${status} ${reason}`]));

test.for([
  [
    'all is well',
    {},
    {
      Available: 'True PodsAvailable',
      Progressing: 'False RolledOut',
      AtCapacity: 'False RoomLeft',
      MetricsAvailable: 'True Registered',
      Degraded: 'False AsExpected',
    },
  ],
  [
    'pods are being replaced',
    { deployment: deployment({ replicas: 4, updatedReplicas: 1, availableReplicas: 3 }) },
    { Available: 'True PodsAvailable', Progressing: 'True RollingOut' },
  ],
  [
    'a change has not been seen yet',
    { deployment: deployment({ observedGeneration: 1, replicas: 3, updatedReplicas: 3, availableReplicas: 3 }) },
    { Progressing: 'True RollingOut' },
  ],
  [
    'no pod is there yet',
    { deployment: deployment({}) },
    { Available: 'False NoPodAvailable', Progressing: 'True RollingOut' },
  ],
  [
    'none is wanted',
    { deployment: deployment({}, 0) },
    { Available: 'False ScaledToZero', Progressing: 'False RolledOut' },
  ],
  [
    'new pods never came',
    {
      deployment: deployment({
        availableReplicas: 2,
        conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
      }),
    },
    { Available: 'True PodsAvailable', Progressing: 'False RolloutStuck', Degraded: 'True RolloutStuck' },
  ],
  ['the turn is another’s', { waitsForTurn: true }, { Progressing: 'True WaitingForTurn' }],
  ['every slot is held', { occupancy: { connections: 300, capacity: 300, waiting: 0 } }, { AtCapacity: 'True Full' }],
  ['clients are refused', { occupancy: { connections: 290, capacity: 300, waiting: 4 } }, { AtCapacity: 'True Full' }],
  ['no pod has told', { occupancy: undefined }, { AtCapacity: 'Unknown NotAsked' }],
  [
    'the spec is wrong',
    { troubles: [{ reason: 'InvalidSpec', message: 'name must be.' }], deployment: rolledOut },
    { Available: 'True PodsAvailable', Degraded: 'True InvalidSpec' },
  ],
  [
    'nothing was made',
    { deployment: undefined },
    { Available: 'False NoPodAvailable', Progressing: 'False NoDeployment' },
  ],
] as const)('%s', ([, over, expected]) => {
  expect(shown(over as Partial<Observed>)).toMatchObject(expected);
});

test.for([
  ['team/one', 'and team/one is not done yet.'],
  [undefined, 'and another one is not done yet.'],
])('who waits is told for whom: %s', ([turnIsOf, told]) => {
  const progressing = verdictsOn({ ...fine, waitsForTurn: true, turnIsOf }).find(({ type }) => type === 'Progressing');
  expect(progressing?.message).toBe(`The new version of the operator changes one fleet at a time, ${told}`);
});

test('a condition keeps its time until its status changes', () => {
  const [first, second, third] = [0, 60_000, 120_000].map((time) => new Date(Date.UTC(2026, 0, 1) + time)) as [
    Date,
    Date,
    Date,
  ];
  const before = conditionsFrom(verdictsOn(fine), [], 1, first);
  const same = conditionsFrom(
    verdictsOn({ ...fine, occupancy: { connections: 11, capacity: 300, waiting: 0 } }),
    before,
    2,
    second,
  );
  expect(same.find(({ type }) => type === 'AtCapacity')).toMatchObject({
    lastTransitionTime: '2026-01-01T00:00:00Z',
    observedGeneration: 2,
    message: '11 of 300 slots are held.',
  });
  const full = conditionsFrom(
    verdictsOn({ ...fine, occupancy: { connections: 300, capacity: 300, waiting: 0 } }),
    same,
    2,
    third,
  );
  expect(full.find(({ type }) => type === 'AtCapacity')?.lastTransitionTime).toBe('2026-01-01T00:02:00Z');
});
