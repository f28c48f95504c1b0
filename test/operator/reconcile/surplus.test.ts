import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import { DEFAULT_OBJECTS, EVERYTHING, podOf, SCRAPED, SPEC, World } from './world.ts';

test('what is no longer wanted is deleted, and only if it is still the same object', async () => {
  const world = await World.start();
  world.want(EVERYTHING);
  await world.settle();
  const asked: unknown[] = [];
  const { uid } = world.fake.get(kinds.ingress, 'team', 'notes')?.metadata ?? {};
  const api = world.fake.api();
  const remove = api.delete.bind(api);
  api.delete = (ref, options) => {
    asked.push([ref.kind.kind, options?.uid]);
    return remove(ref, options);
  };
  await world.changeLeader(api);
  world.want({ ...EVERYTHING, ingress: { enabled: false } });
  await world.settle();
  expect(asked).toEqual([['Ingress', uid]]);
  expect(world.objects()).not.toContain('Ingress team/notes');
  world.want();
  await world.settle();
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
});

test('an object that somebody made anew under the name is not deleted', async () => {
  const world = await World.start();
  world.want(EVERYTHING);
  await world.settle();
  const leader = await world.changeLeader();
  await leader.seesAll();
  const theirs = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace: 'team', name: 'notes' },
  };
  world.fake.unnoticed(() => {
    world.fake.remove(kinds.ingress, 'team', 'notes');
    world.fake.put(theirs);
  });
  world.want();
  await expect
    .poll(() => leader.reconcile('team/notes').then(() => world.objects()))
    .not.toContain('HTTPRoute team/notes');
  expect(world.objects()).toContain('Ingress team/notes');
});

test('a field that the spec no longer has vanishes', async () => {
  const world = await World.start();
  world.want({
    nodeSelector: { disk: 'ssd' },
    podAnnotations: { 'a.b/c': 'd' },
    server: { ...SPEC.server, env: [{ name: 'MODE', value: 'good' }] },
    service: { annotations: { 'a.b/c': 'd' } },
  });
  await world.settle();
  expect(podOf(world.deployment()).nodeSelector).toEqual({ disk: 'ssd' });
  world.want();
  await world.settle();
  expect(podOf(world.deployment()).nodeSelector).toBeUndefined();
  expect(world.deployment()?.spec?.template.metadata?.annotations).toBeUndefined();
  expect(podOf(world.deployment()).containers[0]?.env?.map(({ name }) => name)).not.toContain('MODE');
  expect(world.fake.get(kinds.service, 'team', 'notes')?.metadata.annotations).not.toHaveProperty('a.b/c');
});

test('old pods keep their identity until the new ones are there', async () => {
  const world = await World.start();
  world.want({ serviceAccount: { name: 'old' } });
  await world.settle();
  world.want({ serviceAccount: { name: 'new' } });
  await world.pass();
  await world.pass();
  const identities = () => world.fake.objects(kinds.serviceAccount).map(({ metadata }) => metadata.name);
  expect(identities()).toEqual(['new', 'old']);
  world.rollOut();
  await world.pass();
  expect(identities()).toEqual(['new']);
});

test('an autoscaler of the fleet goes before another one comes', async () => {
  const world = await World.start();
  world.want({ autoscaling: EVERYTHING.autoscaling });
  await world.settle();
  const asked: string[] = [];
  const api = world.fake.api();
  const [apply, remove] = [api.apply.bind(api), api.delete.bind(api)];
  api.apply = (object, options) => {
    if (object.kind !== 'MCPFleet') asked.push(`apply ${object.kind}`);
    return apply(object, options);
  };
  api.delete = (ref, options) => {
    asked.push(`delete ${ref.kind.kind}`);
    return remove(ref, options);
  };
  await world.changeLeader(api);
  world.want({ ...SCRAPED, autoscaling: { ...EVERYTHING.autoscaling, source: 'keda' } });
  await world.pass();
  expect(asked.slice(0, 1)).toEqual(['delete HorizontalPodAutoscaler']);
  expect(asked).toContain('apply ScaledObject');
});
