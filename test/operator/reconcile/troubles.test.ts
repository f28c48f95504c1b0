import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import { DEFAULT_OBJECTS, degraded, EVERYTHING, World } from './world.ts';

const ROUTED = { httpRoute: EVERYTHING.httpRoute };

test('a spec that does not validate changes nothing, and everything goes on when it is mended', async () => {
  const world = await World.start();
  world.want({ replicas: 2, ingress: { enabled: true, hosts: ['notes.example.com'] } });
  await world.settle();
  const before = world.objects();
  const deployment = world.deployment();
  world.want({ replicas: 3, ingress: { enabled: true, hosts: [] }, minReadySeconds: -1 });
  await world.settle();
  expect(degraded(world)).toMatchObject({ status: 'True', reason: 'InvalidSpec' });
  for (const word of ['ingress.hosts', 'minReadySeconds']) expect(degraded(world).message).toContain(word);
  expect(world.fleet()?.status).toMatchObject({ observedGeneration: 2, replicas: 2 });
  expect(world.condition('Available')?.status).toBe('True');
  expect(world.objects()).toEqual(before);
  expect(world.deployment()).toEqual(deployment);

  world.want({ replicas: 3 });
  await world.settle();
  expect(degraded(world)).toMatchObject({ status: 'False', reason: 'AsExpected' });
  expect(world.deployment()?.spec?.replicas).toBe(3);
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
});

test('a fleet that never validated has a status and nothing else', async () => {
  const world = await World.start();
  world.want({ image: {} });
  await world.settle();
  expect(degraded(world)).toMatchObject({ status: 'True', reason: 'InvalidSpec' });
  expect(world.condition('Available')).toMatchObject({ status: 'False' });
  expect(world.objects()).toEqual([]);
  expect(world.fleet()?.status?.selector).toBe('');
});

test('a kind that the cluster lacks keeps nothing else from being made, and is made when it appears', async () => {
  const world = await World.start();
  world.fake.lack(kinds.httpRoute);
  world.want(ROUTED);
  await world.settle();
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
  expect(degraded(world)).toMatchObject({ status: 'True', reason: 'KindMissing' });
  expect(degraded(world).message).toContain('HTTPRoute (gateway.networking.k8s.io/v1)');
  for (const verb of ['get', 'apply']) expect(world.fake.requests[`${verb} httproutes`]).toBeUndefined();

  world.fake.offer(kinds.httpRoute);
  await expect.poll(() => world.pass().then(() => world.objects())).toContain('HTTPRoute team/notes');
  await world.settle();
  expect(degraded(world)).toMatchObject({ status: 'False' });
});

test('a kind that goes away is no error', async () => {
  const world = await World.start();
  world.want(ROUTED);
  await world.settle();
  const leader = await world.changeLeader();
  world.fake.remove(kinds.httpRoute, 'team', 'notes');
  world.fake.lack(kinds.httpRoute);
  world.fake.dropWatches();
  await expect.poll(() => leader.lacks(kinds.httpRoute), { timeout: 10_000 }).toBe(true);
  await world.settle();
  expect(degraded(world)).toMatchObject({ reason: 'KindMissing' });
});
