import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import type { OwnedObject } from '../../../src/operator/reconcile/owned-object.ts';
import { RolloutTurns } from '../../../src/operator/reconcile/rollout-turns.ts';
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
  expect(world.condition('Progressing', 'team', 'two')?.message).toContain('team/one is not done yet');
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

const TURN = 'berth.dev/turn';
const turnOf = (world: World, name: string) => world.deployment('team', name)?.metadata.annotations?.[TURN];

/** Sets annotations of an object as somebody else. */
function annotate(world: World, name: string, annotations: Readonly<Record<string, string>>): void {
  world.fake.edit<DeploymentObject>(kinds.deployment, 'team', name, ({ metadata, ...rest }) => ({
    ...rest,
    metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } },
  }));
}

function pause(world: World, name: string, paused = true): void {
  world.fake.edit<DeploymentObject>(kinds.deployment, 'team', name, (found) => ({
    ...found,
    spec: { ...found.spec, paused } as DeploymentObject['spec'],
  }));
}

/** What an owner does with `kubectl rollout restart`. */
function restart(world: World, name: string): void {
  world.fake.edit<DeploymentObject>(kinds.deployment, 'team', name, (found) => {
    const template = found.spec?.template;
    const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-02-01T00:00:00Z' };
    const restarted = { ...template, metadata: { ...template?.metadata, annotations } };
    return { ...found, spec: { ...found.spec, template: restarted } as DeploymentObject['spec'] };
  });
}

test('the mark of a turn goes once its rollout has come out, by one write that replaces no pod', async () => {
  const world = await startUpgrade(['one']);
  await passAll(world, ['one']);
  expect(turnOf(world, 'one')).toBe(world.deployment('team', 'one')?.metadata.annotations?.['berth.dev/applied']);
  world.roll('team', 'one');
  await passAll(world, ['one']);
  expect(turnOf(world, 'one')).toBeDefined();
  world.rollOut('team', 'one');
  const [spec, told] = [world.deployment('team', 'one')?.spec, await world.events()];
  const applies = world.fake.requests['apply deployments'] ?? 0;
  for (let time = 0; time < 10; time++) await passAll(world, ['one']);
  expect(turnOf(world, 'one')).toBeUndefined();
  expect(world.deployment('team', 'one')?.spec).toEqual(spec);
  expect(world.fake.requests['apply deployments']).toBe(applies + 1);
  expect(await world.events()).toEqual(told);
});

test('a mark that somebody else holds as well is not written against', async () => {
  const world = await startUpgrade(['one']);
  await passAll(world, ['one']);
  await world.settle(keyOf('one'));
  annotate(world, 'one', {
    [TURN]: world.deployment('team', 'one')?.metadata.annotations?.['berth.dev/applied'] ?? '',
  });
  const applies = world.fake.requests['apply deployments'] ?? 0;
  for (let time = 0; time < 100; time++) await passAll(world, ['one']);
  expect(world.fake.requests['apply deployments']).toBe(applies + 1);
});

test('what an owner does to a fleet long after its turn holds up nobody', async () => {
  const world = await startUpgrade(['one']);
  await passAll(world, ['one']);
  await world.settle(keyOf('one'));
  restart(world, 'one');
  world.getStuck('team', 'one');
  world.want({}, { name: 'two' });
  await world.settle(keyOf('two'));
  asOfBefore(world, 'two');
  await world.changeLeader();
  await passAll(world, ['one', 'two']);
  expect(changed(world, ['two'])).toEqual(['two']);
});

test('a fleet that is paused is changed at once, and holds nobody up', async () => {
  const world = await startUpgrade();
  pause(world, 'one');
  world.rollOut('team', 'one');
  await passAll(world);
  expect(changed(world)).toEqual(['one', 'three']);
  expect(turnOf(world, 'one')).toBeUndefined();
  expect(world.deployment('team', 'one')?.spec?.paused).toBe(true);
});

test.for([
  ['the same leader', async () => {}],
  ['the next leader', async (world: World) => void (await world.changeLeader())],
] as const)('a fleet that is paused in its turn has none until it is resumed, for %s', async ([, change]) => {
  const world = await startUpgrade();
  await passAll(world);
  pause(world, 'one');
  world.roll('team', 'one');
  await change(world);
  await passAll(world);
  await passAll(world);
  expect(changed(world)).toEqual(['one', 'three']);
  world.rollOut('team', 'three');
  pause(world, 'one', false);
  world.roll('team', 'one');
  await passAll(world, ['three', 'one', 'two']);
  await passAll(world, ['three', 'one', 'two']);
  expect(changed(world)).toEqual(['one', 'three']);
  expect(world.condition('Progressing', 'team', 'two')?.message).toContain('team/one is not done yet');
});

test('a mark that a tenant has made up holds nobody up', async () => {
  const world = await startUpgrade();
  annotate(world, 'two', { [TURN]: 'taken' });
  world.roll('team', 'two');
  await passAll(world);
  expect(changed(world)).toEqual(['one']);
});

const uidOf = (world: World, name: string) => world.fleet('team', name)?.metadata.uid ?? '';

test.for([
  ['its fleet controls', (world: World) => [{ uid: uidOf(world, 'one'), controller: true }], 'team/one'],
  ['its fleet does not control', (world: World) => [{ uid: uidOf(world, 'one') }], undefined],
  ['a deleted fleet of that name controlled', () => [{ uid: 'of-before', controller: true }], undefined],
  ['is of a fleet that never was', () => [{ uid: 'none', name: 'none' }], undefined],
  ['is of no fleet', () => [], undefined],
] as const)('a mark counts only on a Deployment of a fleet: one that %s', async ([, ownersIn, holder]) => {
  const world = await World.start();
  world.want({}, { name: 'one' });
  const { apiVersion, kind } = kinds.mcpFleet;
  const ownerReferences = ownersIn(world).map((owner) => ({ apiVersion, kind, name: 'one', ...owner }));
  const annotations = { [TURN]: 'x', 'berth.dev/applied': 'x' };
  const marked: OwnedObject = {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', replicasAreHeld: true },
    metadata: { name: 'one', namespace: 'team', annotations, ownerReferences },
  };
  const turns = new RolloutTurns({
    owned: {
      *all() {
        yield marked;
      },
    },
    fleetOf: (key) => (key === keyOf('one') ? world.fleet('team', 'one') : undefined),
  });
  expect(turns.holderBut(keyOf('two'))).toBe(holder);
});

test.for([
  ['the same leader', async () => {}],
  ['the next leader', async (world: World) => void (await world.changeLeader())],
] as const)('a fleet that another controller keeps changing gives its turn to the next, of %s', async ([, change]) => {
  const world = await startUpgrade();
  await passAll(world);
  for (let time = 0; time < 3; time++) {
    asDrifted(world, 'one');
    if (time === 1) await change(world);
    await passAll(world);
  }
  expect(changed(world, ['three', 'two'])).toEqual(['three']);
});
