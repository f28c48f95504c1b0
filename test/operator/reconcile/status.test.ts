import { expect, test } from 'vitest';
import type { Kind } from '../../../src/kube/kinds.ts';
import { kinds } from '../../../src/kube/kinds.ts';
import { World } from './world.ts';

const shows = (world: World) => world.fake.requests['apply mcpfleets'] ?? 0;

/** From now on nobody hears of changes to objects of a kind. */
function freeze(world: World, kind: Kind): void {
  for (const verb of ['watch', 'list']) world.fake.failNext(`${verb} ${kind.plural}`, 503, 1_000);
  world.fake.dropWatches();
}

test('a fleet shows what it is', async () => {
  const world = await World.start();
  world.occupancy = { connections: 40, capacity: 200, waiting: 0 };
  world.want({ replicas: 2 });
  await world.settle();
  expect(world.fleet()?.status).toMatchObject({
    ...{ observedGeneration: 1, replicas: 2, readyReplicas: 2, connections: 40, capacity: 200 },
    selector: 'app.kubernetes.io/name=mcp-server,app.kubernetes.io/instance=notes',
  });
  const conditions = world
    .fleet()
    ?.status?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
  expect(conditions).toEqual([
    'Available True PodsAvailable',
    'Progressing False RolledOut',
    'AtCapacity False RoomLeft',
    'MetricsAvailable True Registered',
    'Degraded False AsExpected',
  ]);
});

test('nothing is written while nothing changes, and a new leader says the same to the byte', async () => {
  const world = await World.start();
  world.occupancy = { connections: 40, capacity: 200, waiting: 0 };
  world.want();
  await world.settle();
  const [before, count] = [JSON.stringify(world.fleet()), shows(world)];
  for (let time = 0; time < 30; time++) {
    await world.pass();
    world.now += 10_000;
  }
  await world.changeLeader();
  for (let time = 0; time < 30; time++) {
    await world.pass();
    world.now += 10_000;
  }
  expect(shows(world)).toBe(count);
  expect(JSON.stringify(world.fleet())).toBe(before);
});

test('numbers of connections are shown every half minute', async () => {
  const world = await World.start();
  world.occupancy = { connections: 1, capacity: 200, waiting: 0 };
  world.want();
  await world.settle();
  const count = shows(world);
  for (let second = 1; second <= 300; second++) {
    world.occupancy = { connections: 1 + (second % 100), capacity: 200, waiting: 0 };
    await world.pass();
    world.now += 1_000;
  }
  expect(shows(world) - count).toBeGreaterThanOrEqual(9);
  expect(shows(world) - count).toBeLessThanOrEqual(10);
});

test('a condition that changes is shown at once, with the numbers that made it so', async () => {
  const world = await World.start();
  world.occupancy = { connections: 1, capacity: 200, waiting: 0 };
  world.want();
  await world.settle();
  world.now += 1_000;
  world.occupancy = { connections: 200, capacity: 200, waiting: 3 };
  await world.pass();
  expect(world.condition('AtCapacity')).toMatchObject({ status: 'True', lastTransitionTime: at(world.now) });
  expect(world.fleet()?.status?.connections).toBe(200);
  const count = shows(world);
  // How many wait is another number each time, and alone nothing to write for.
  world.now += 60_000;
  world.occupancy = { connections: 200, capacity: 200, waiting: 5 };
  await world.pass();
  expect(shows(world)).toBe(count);
  world.metrics = { available: false, reason: 'Foreign', message: 'Somebody else’s.' };
  await world.pass();
  expect(world.condition('MetricsAvailable')).toMatchObject({ status: 'False', reason: 'Foreign' });
});

test('other words for the same wait for the pace', async () => {
  const world = await World.start();
  world.metrics = { available: false, reason: 'Unavailable', message: 'From 10.0.0.1.' };
  world.want();
  await world.settle();
  const count = shows(world);
  world.now += 1_000;
  world.metrics = { available: false, reason: 'Unavailable', message: 'From 10.0.0.2.' };
  await world.pass();
  expect(shows(world)).toBe(count);
  world.now += 30_000;
  await world.pass();
  expect(world.condition('MetricsAvailable')?.message).toBe('From 10.0.0.2.');
});

test('all fleets together show numbers five times a second', async () => {
  const world = await World.start();
  const names = Array.from({ length: 20 }, (_, index) => `fleet-${index}`);
  for (const name of names) {
    world.want({}, { name });
    await world.settle(`team/${name}`);
  }
  world.now += 60_000;
  const count = shows(world);
  world.occupancy = { connections: 1, capacity: 200, waiting: 0 };
  for (const name of names) await world.pass(`team/${name}`);
  const first = shows(world) - count;
  // What that changed of conditions is shown at once, the rest at the pace.
  expect(first).toBe(20);
  world.now += 60_000;
  world.occupancy = { connections: 2, capacity: 200, waiting: 0 };
  for (const name of names) await world.pass(`team/${name}`);
  expect(shows(world) - count - first).toBe(5);
});

test('the time of a condition is that of its last change', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  const since = world.condition('Available')?.lastTransitionTime;
  world.now += 60_000;
  world.want({ replicas: 3 });
  await world.settle();
  expect(world.condition('Available')).toMatchObject({ lastTransitionTime: since, observedGeneration: 2 });
  world.now += 60_000;
  world.rollOut('team', 'notes', { availableReplicas: 0, readyReplicas: 0 });
  await world.pass();
  expect(world.condition('Available')).toMatchObject({ status: 'False', lastTransitionTime: at(world.now) });
});

test('what was written a moment ago is not written again with another time before the watch has told it', async () => {
  const world = await World.start();
  world.want();
  const leader = await world.changeLeader();
  await leader.seesAll();
  freeze(world, kinds.mcpFleet);
  await leader.reconcile('team/notes');
  const [before, count] = [JSON.stringify(world.fleet()?.status), shows(world)];
  world.now += 5_000;
  await leader.reconcile('team/notes');
  expect(shows(world)).toBe(count);
  expect(JSON.stringify(world.fleet()?.status)).toBe(before);
});

test('a leader that has not looked at the metrics API yet says what was said of it last', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  const before = world.condition('MetricsAvailable');
  await world.changeLeader();
  world.metrics = undefined;
  const count = shows(world);
  await world.pass();
  expect(shows(world)).toBe(count);
  world.want({ replicas: 2 });
  await world.pass();
  expect(world.condition('MetricsAvailable')).toEqual({ ...before, observedGeneration: 2 });
  world.want({}, { name: 'new' });
  await world.pass('team/new');
  expect(world.condition('MetricsAvailable', 'team', 'new')).toMatchObject({ status: 'Unknown' });
});

test('what was to be said of a deleted fleet is not said of another one of its name', async () => {
  const world = await World.start();
  world.want({ replicas: -1 });
  const leader = await world.changeLeader();
  await leader.seesAll();
  world.fake.unnoticed(() => {
    world.fake.remove(kinds.mcpFleet, 'team', 'notes');
    world.want();
  });
  await expect(leader.reconcile('team/notes')).rejects.toThrow('409');
  expect(world.fleet()?.status).toBeUndefined();
});

test('that somebody else writes the deletion costs is shown', async () => {
  const world = await World.start();
  world.costIsTaken = true;
  world.want();
  await world.settle();
  expect(world.condition('Degraded')).toMatchObject({ status: 'True', reason: 'DeletionCostTaken' });
});

const at = (time: number) => `${new Date(time).toISOString().slice(0, 19)}Z`;
