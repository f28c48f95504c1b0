import type { V1PodSpec, V1Service } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { DEFAULT_OBJECTS, type DeploymentObject, OWNED, SPEC, World } from './world.ts';

type ServiceObject = KubeObject & Pick<V1Service, 'spec'>;

const EVERYTHING = {
  autoscaling: { enabled: true, minReplicas: 2, maxReplicas: 5 },
  ingress: { enabled: true, hosts: ['notes.example.com'] },
  httpRoute: { enabled: true, parentRefs: [{ name: 'gateway' }], hostnames: ['notes.example.com'] },
};

/** KEDA and Prometheus must reach the pods. */
const SCRAPED = { networkPolicy: { adminNamespaces: ['monitoring'] } };

const podOf = (deployment: DeploymentObject | undefined) => deployment?.spec?.template.spec as V1PodSpec;

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
