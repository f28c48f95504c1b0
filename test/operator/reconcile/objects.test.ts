import type { V1PodSpec, V1Service } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { DEFAULT_OBJECTS, type DeploymentObject, EVERYTHING, OWNED, podOf, SCRAPED, SPEC, World } from './world.ts';

type ServiceObject = KubeObject & Pick<V1Service, 'spec'>;

/** Changes the pods of a Deployment as somebody else would. */
function editPods(world: World, change: (spec: V1PodSpec) => V1PodSpec): void {
  world.fake.edit<DeploymentObject>(kinds.deployment, 'team', 'notes', (found) => {
    const template = { ...found.spec?.template, spec: change(podOf(found)) };
    return { ...found, spec: { ...found.spec, template } as DeploymentObject['spec'] };
  });
}

test('everything of a fleet is made, and belongs to its resource', async () => {
  const world = await World.start();
  const { metadata } = world.want(EVERYTHING);
  await world.pass();
  expect(world.objects()).toEqual(
    [
      ...DEFAULT_OBJECTS(),
      ...['HorizontalPodAutoscaler', 'HTTPRoute', 'Ingress'].map((kind) => `${kind} team/notes`),
    ].sort(),
  );
  const owner = { apiVersion: 'berth.dev/v1alpha1', kind: 'MCPFleet', name: 'notes', uid: metadata.uid };
  for (const object of OWNED.flatMap((kind) => world.fake.objects(kind)))
    expect(object.metadata.ownerReferences).toEqual([{ ...owner, controller: true }]);
});

test('a second pass asks the API server nothing, and neither does a new leader', async () => {
  const world = await World.start();
  world.want(EVERYTHING);
  await world.settle();
  const settled = world.requests();
  for (let time = 0; time < 20; time++) {
    await world.pass();
    world.now += 10_000;
  }
  expect(world.requests()).toBe(settled);
  const leader = await world.changeLeader();
  const listed = world.requests();
  for (let time = 0; time < 3; time++) await leader.reconcile('team/notes');
  expect(world.requests()).toBe(listed);
});

test('a field that somebody else changed is put back, and what they added stays', async () => {
  const world = await World.start();
  world.want({ server: { ...SPEC.server, env: [{ name: 'MODE', value: 'good' }] } });
  await world.settle();
  world.fake.edit<ServiceObject>(kinds.service, 'team', 'notes', ({ metadata, ...rest }) => ({
    ...rest,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, 'a.b/note': 'theirs' },
      labels: { ...metadata.labels, tier: 'front', 'app.kubernetes.io/name': 'other' },
    },
  }));
  editPods(world, (spec) => ({
    ...spec,
    enableServiceLinks: true,
    containers: spec.containers.map((container) => ({
      ...container,
      image: 'evil',
      env: [
        ...(container.env ?? []).map((one) => (one.name === 'MODE' ? { ...one, value: 'bad' } : one)),
        { name: 'THEIRS', value: '1' },
      ],
    })),
  }));
  await world.settle();

  const { annotations, labels } = world.fake.get<ServiceObject>(kinds.service, 'team', 'notes')?.metadata ?? {};
  expect(annotations).toMatchObject({ 'a.b/note': 'theirs' });
  expect(labels).toMatchObject({ tier: 'front', 'app.kubernetes.io/name': 'mcp-server' });
  const { enableServiceLinks, containers } = podOf(world.deployment());
  expect(enableServiceLinks).toBe(false);
  expect(containers[0]).toMatchObject({ image: 'registry.example.com/notes:1.4.2' });
  expect(containers[0]?.env).toContainEqual({ name: 'MODE', value: 'good' });
  expect(containers[0]?.env).toContainEqual({ name: 'THEIRS', value: '1' });
  const settled = world.requests();
  for (let time = 0; time < 20; time++) {
    await world.pass();
    world.now += 10_000;
  }
  expect(world.requests()).toBe(settled);
});

test.for(OWNED.map(({ kind }, index) => [kind, index] as const))(
  'a %s that is deleted comes back',
  async ([, index]) => {
    const kind = OWNED[index] ?? kinds.service;
    const world = await World.start();
    const source = kind === kinds.scaledObject ? 'keda' : kind === kinds.configMap ? 'prometheus-adapter' : 'operator';
    world.want({ ...EVERYTHING, ...SCRAPED, autoscaling: { ...EVERYTHING.autoscaling, source } });
    await world.settle();
    const before = world.fake.objects(kind).map(({ metadata }) => metadata);
    expect(before.length).toBeGreaterThan(0);
    for (const { namespace, name } of before) world.fake.remove(kind, namespace, name);
    await world.pass();
    const after = world.fake.objects(kind).map(({ metadata }) => metadata);
    expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
    expect(after.map(({ uid }) => uid)).not.toEqual(before.map(({ uid }) => uid));
  },
);

test('an object without our label, or without its owner, is ours again', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  const { uid } = world.fake.get(kinds.service, 'team', 'notes')?.metadata ?? {};
  world.fake.edit(kinds.service, 'team', 'notes', ({ metadata: { labels: _, ...metadata }, ...rest }) => ({
    ...rest,
    metadata,
  }));
  world.fake.edit(
    kinds.service,
    'team',
    'notes-peers',
    ({ metadata: { ownerReferences: _, ...metadata }, ...rest }) => ({
      ...rest,
      metadata,
    }),
  );
  await world.pass();
  const { metadata } = world.fake.get(kinds.service, 'team', 'notes') ?? {};
  expect(metadata).toMatchObject({ uid, labels: { 'app.kubernetes.io/managed-by': 'berth' } });
  expect(world.fake.get(kinds.service, 'team', 'notes-peers')?.metadata.ownerReferences).toHaveLength(1);
});
