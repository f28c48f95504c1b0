import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import { DEFAULT_OBJECTS, EVERYTHING, podOf, World } from './world.ts';

test('two fleets of one name in two namespaces have nothing to do with each other', async () => {
  const world = await World.start();
  world.want();
  world.want({ nodeSelector: { disk: 'ssd' } }, { namespace: 'other' });
  await world.settle('team/notes');
  await world.settle('other/notes');
  expect(world.objects()).toEqual([...DEFAULT_OBJECTS('team/notes'), ...DEFAULT_OBJECTS('other/notes')].sort());
  expect(podOf(world.deployment('team'))?.nodeSelector).toBeUndefined();
  const theirs = world.deployment('other');
  world.want({ ingress: { enabled: true, hosts: ['a.b'] } });
  await world.settle();
  world.fake.remove(kinds.mcpFleet, 'team', 'notes');
  world.fake.collectGarbage();
  await world.pass();
  expect(world.objects()).toEqual(DEFAULT_OBJECTS('other/notes'));
  expect(world.deployment('other')).toEqual(theirs);
});

test('a fleet made anew waits for what its namesake leaves, and then begins anew', async () => {
  const world = await World.start();
  world.want({ replicas: 5 });
  await world.settle();
  const old = world.deployment()?.metadata.uid;
  world.fake.remove(kinds.mcpFleet, 'team', 'notes');
  world.want({ replicas: 2 });
  const before = world.objects().map((name) => name);
  await world.pass();
  expect(world.deployment()?.metadata.uid).toBe(old);
  expect(world.deployment()?.spec?.replicas).toBe(5);
  expect(world.condition('Degraded')).toMatchObject({ status: 'True', reason: 'NameTaken' });
  expect(world.condition('Degraded')?.message).toContain('deleted fleet');
  expect(world.fleet()?.status).toMatchObject({ replicas: 0 });
  world.fake.collectGarbage();
  expect(world.objects()).toEqual([]);
  await world.settle();
  expect(world.objects()).toEqual(before);
  expect(world.deployment()?.metadata.uid).not.toBe(old);
  expect(world.deployment()?.spec?.replicas).toBe(2);
  expect(world.condition('Degraded')).toMatchObject({ status: 'False' });
});

test('of a fleet that is being deleted nothing is made, changed or shown', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  world.fake.edit(kinds.mcpFleet, 'team', 'notes', ({ metadata, ...rest }) => ({
    ...rest,
    metadata: { ...metadata, finalizers: ['a.b/c'] },
  }));
  world.fake.remove(kinds.mcpFleet, 'team', 'notes');
  expect(world.fleet()?.metadata.deletionTimestamp).toBeDefined();
  world.fake.remove(kinds.deployment, 'team', 'notes');
  world.fake.remove(kinds.service, 'team', 'notes');
  const before = world.requests();
  expect(await world.pass()).toBeUndefined();
  expect(world.requests()).toBe(before);
});

test('an object that is being deleted is made anew once it is gone', async () => {
  const world = await World.start();
  world.want(EVERYTHING);
  await world.settle();
  for (const kind of [kinds.ingress, kinds.service]) {
    world.fake.edit(kind, 'team', 'notes', ({ metadata, ...rest }) => ({
      ...rest,
      metadata: { ...metadata, finalizers: ['a.b/c'] },
    }));
  }
  world.fake.remove(kinds.service, 'team', 'notes');
  world.fake.remove(kinds.ingress, 'team', 'notes');
  const before = world.writes();
  for (let time = 0; time < 3; time++) await world.pass();
  expect(world.writes()).toBe(before);
  world.want({ ...EVERYTHING, ingress: { enabled: false } });
  await world.pass();
  expect(world.fake.requests['delete ingresses']).toBeUndefined();
  world.fake.edit(kinds.service, 'team', 'notes', ({ metadata: { finalizers: _, ...metadata }, ...rest }) => ({
    ...rest,
    metadata: { ...metadata, finalizers: [] },
  }));
  expect(world.objects()).not.toContain('Service team/notes');
  await world.pass();
  expect(world.objects()).toContain('Service team/notes');
});
