import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import { type DeploymentObject, World } from './world.ts';

const NAMES = ['one', 'three', 'two'];
const keyOf = (name: string) => `team/${name}`;

/** Fleets that another version of the operator has made, which wanted other pods, and a new leader of this one. */
async function startUpgrade(names: readonly string[] = NAMES): Promise<World> {
  const world = await World.start();
  for (const name of names) {
    world.want({}, { name });
    await world.settle(keyOf(name));
    asOfBefore(world, name);
  }
  await world.changeLeader();
  return world;
}

/** Gives a Deployment the pods that another version of the operator wanted, as if that had applied them. */
function asOfBefore(world: World, name: string, over: object = {}): void {
  const found = world.deployment('team', name);
  const template = found?.spec?.template;
  if (found === undefined || template === undefined) throw new Error(`There is no Deployment ${name}.`);
  const spec = {
    ...found.spec,
    template: { ...template, spec: { ...template.spec, terminationGracePeriodSeconds: 1 } },
  };
  const annotations = { ...found.metadata.annotations, 'berth.dev/applied': 'by-version-1' };
  world.fake.put({ ...found, spec, metadata: { ...found.metadata, annotations } }, { manager: 'berth-operator-1' });
  world.rollOut('team', name, over);
}

/** Those whose Deployment is what this version wants. */
const changed = (world: World, names: readonly string[] = NAMES) =>
  names.filter((name) => {
    const spec = world.deployment('team', name)?.spec?.template.spec;
    return spec?.terminationGracePeriodSeconds !== 1;
  });

async function passAll(world: World, names: readonly string[] = NAMES): Promise<void> {
  for (const name of names) await world.pass(keyOf(name));
  world.now += 10_000;
}

test('a new version changes one fleet at a time, and the next once all pods of the last are there', async () => {
  const world = await startUpgrade();
  await passAll(world);
  await passAll(world);
  expect(changed(world)).toEqual(['one']);
  expect(world.condition('Progressing', 'team', 'two')).toMatchObject({ status: 'True', reason: 'WaitingForTurn' });
  world.roll('team', 'one');
  await passAll(world);
  expect(changed(world)).toEqual(['one']);
  world.rollOut('team', 'one');
  await passAll(world);
  await passAll(world);
  expect(changed(world)).toEqual(['one', 'three']);
  world.rollOut('team', 'three');
  await passAll(world);
  await passAll(world);
  world.rollOut('team', 'two');
  await passAll(world);
  expect(changed(world)).toEqual(NAMES);
  for (const name of NAMES)
    expect(world.condition('Progressing', 'team', name)).toMatchObject({ status: 'False', reason: 'RolledOut' });
});

test('it goes no further when the pods of the first do not come', async () => {
  const world = await startUpgrade();
  await passAll(world);
  world.getStuck('team', 'one');
  for (let time = 0; time < 5; time++) await passAll(world);
  expect(changed(world)).toEqual(['one']);
  expect(world.condition('Degraded', 'team', 'one')).toMatchObject({ status: 'True', reason: 'RolloutStuck' });
});

test.for([
  ['still rolls', (world: World) => world.roll('team', 'one')],
  ['is stuck', (world: World) => world.getStuck('team', 'one')],
] as const)('the next leader changes no second fleet while the first %s', async ([, happen]) => {
  const world = await startUpgrade();
  await passAll(world);
  happen(world);
  await world.changeLeader();
  for (let time = 0; time < 3; time++) await passAll(world, ['two', 'three', 'one']);
  expect(changed(world)).toEqual(['one']);
  world.rollOut('team', 'one');
  await passAll(world, ['two', 'three', 'one']);
  expect(changed(world)).toEqual(['one', 'two']);
});

test('the turn of a fleet that was stuck goes on when a person changes it', async () => {
  const world = await startUpgrade();
  await passAll(world);
  world.getStuck('team', 'one');
  await passAll(world);
  world.want({ nodeSelector: { disk: 'ssd' } }, { name: 'one' });
  await passAll(world);
  await world.changeLeader();
  world.roll('team', 'one');
  await passAll(world);
  expect(changed(world)).toEqual(['one']);
  world.rollOut('team', 'one');
  await passAll(world);
  await passAll(world);
  expect(changed(world)).toEqual(['one', 'three']);
});

test.for([
  ['is deleted', (world: World) => world.fake.remove(kinds.mcpFleet, 'team', 'one')],
  [
    'is being deleted',
    (world: World) => {
      world.fake.edit(kinds.mcpFleet, 'team', 'one', ({ metadata, ...rest }) => ({
        ...rest,
        metadata: { ...metadata, finalizers: ['a.b/c'] },
      }));
      world.fake.remove(kinds.mcpFleet, 'team', 'one');
    },
  ],
] as const)('a fleet that %s has no turn', async ([, happen]) => {
  const world = await startUpgrade();
  await passAll(world);
  world.getStuck('team', 'one');
  happen(world);
  await passAll(world);
  expect(changed(world, ['two', 'three'])).toHaveLength(1);
  await world.changeLeader();
  world.rollOut('team', 'three');
  await passAll(world);
  expect(changed(world, ['two', 'three'])).toHaveLength(2);
});

test('a fleet whose change is refused gives its turn to the next', async () => {
  const world = await startUpgrade();
  world.fake.failNext(/^apply deployments team\/one$/, 403, 100);
  await passAll(world);
  expect(changed(world)).toEqual(['three']);
});

test('what a person changes is done at once, whoever’s turn it is', async () => {
  const world = await startUpgrade();
  await passAll(world);
  world.getStuck('team', 'one');
  await passAll(world);
  world.want({ nodeSelector: { disk: 'ssd' } }, { name: 'two' });
  await world.pass(keyOf('two'));
  expect(world.deployment('team', 'two')?.spec?.template.spec?.nodeSelector).toEqual({ disk: 'ssd' });
  await world.settle(keyOf('two'));
  expect(changed(world)).toEqual(['one', 'two']);
});

test('what somebody has changed by hand is put back at once, whoever’s turn it is', async () => {
  const world = await startUpgrade();
  world.want({}, { name: 'new' });
  await world.settle(keyOf('new'));
  await passAll(world);
  await world.changeLeader();
  world.getStuck('team', 'one');
  asDrifted(world, 'new');
  await world.pass(keyOf('new'));
  expect(changed(world, ['new'])).toEqual(['new']);
  expect(changed(world)).toEqual(['one']);
});

function asDrifted(world: World, name: string): void {
  const marks = world.deployment('team', name)?.metadata.annotations;
  asOfBefore(world, name);
  world.fake.edit<DeploymentObject>(kinds.deployment, 'team', name, ({ metadata, ...rest }) => ({
    ...rest,
    metadata: { ...metadata, annotations: marks ?? {} },
  }));
}

test('a fleet that was stuck before is changed at once, and holds nobody up', async () => {
  const world = await startUpgrade();
  world.getStuck('team', 'two');
  await passAll(world);
  expect(changed(world)).toEqual(['one', 'two']);
  world.getStuck('team', 'two');
  world.rollOut('team', 'one');
  await passAll(world);
  await passAll(world);
  expect(changed(world)).toEqual(NAMES);
});

test('a fleet that was not whole before goes alone, and holds nobody up once it is stuck', async () => {
  const world = await startUpgrade();
  world.rollOut('team', 'one', { availableReplicas: 0 });
  await passAll(world);
  world.roll('team', 'one');
  for (let time = 0; time < 3; time++) await passAll(world);
  expect(changed(world)).toEqual(['one']);
  world.getStuck('team', 'one');
  await passAll(world);
  await passAll(world);
  expect(changed(world)).toEqual(['one', 'three']);
});

test('a fleet that grows once its new pods have all been there holds nobody up', async () => {
  const world = await startUpgrade();
  await passAll(world);
  world.rollOut('team', 'one');
  world.fake.edit<DeploymentObject>(kinds.deployment, 'team', 'one', (found) => ({
    ...found,
    spec: { ...found.spec, replicas: 50 } as DeploymentObject['spec'],
  }));
  world.rollOut('team', 'one', { availableReplicas: 1, readyReplicas: 1 });
  await world.changeLeader();
  await passAll(world, ['two']);
  expect(changed(world)).toEqual(['one', 'two']);
});

test('a fleet whose spec no longer validates gives its turn to the next once it is rolled out', async () => {
  const world = await startUpgrade();
  await passAll(world);
  world.want({ replicas: -1 }, { name: 'one' });
  await passAll(world);
  expect(changed(world)).toEqual(['one']);
  world.rollOut('team', 'one');
  await passAll(world);
  expect(changed(world)).toEqual(['one', 'three']);
});

test('the number of pods follows its resource while a fleet waits for its turn', async () => {
  const world = await World.start();
  for (const name of ['one', 'two']) {
    world.want({ replicas: 2 }, { name });
    await world.settle(keyOf(name));
    asOfBefore(world, name);
  }
  await world.changeLeader();
  await passAll(world, ['one', 'two']);
  world.fake.edit<DeploymentObject>(kinds.deployment, 'team', 'two', (found) => ({
    ...found,
    spec: { ...found.spec, replicas: 1 } as DeploymentObject['spec'],
  }));
  await world.pass(keyOf('two'));
  expect(world.deployment('team', 'two')?.spec?.replicas).toBe(2);
  expect(changed(world, ['one', 'two'])).toEqual(['one']);
});
