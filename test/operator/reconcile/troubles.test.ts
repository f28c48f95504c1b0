import type { V1Service } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { httpConnection } from '../../../src/kube/connection.ts';
import { kinds } from '../../../src/kube/kinds.ts';
import { KubeApi } from '../../../src/kube/kube-api.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { DEFAULT_OBJECTS, SPEC, World } from './world.ts';

type ServiceObject = KubeObject & Pick<V1Service, 'spec'>;

const degraded = (world: World) => {
  const { status, reason, message } = world.condition('Degraded') ?? {};
  return { status, reason, message };
};

const ROUTED = { httpRoute: { enabled: true, parentRefs: [{ name: 'gateway' }], hostnames: ['notes.example.com'] } };

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

test.for([
  ['a Service of somebody else', {}],
  ['one of another fleet', { 'app.kubernetes.io/managed-by': 'berth', 'app.kubernetes.io/instance': 'other' }],
])('%s under the name is left alone, and the rest is made', async ([, labels]) => {
  const world = await World.start();
  const metadata = { namespace: 'team', name: 'notes', labels };
  const theirs = world.fake.put({
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector: { app: 'x' } },
  } as never);
  world.want();
  await world.settle();
  expect(world.fake.get(kinds.service, 'team', 'notes')).toEqual(theirs);
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
  expect(degraded(world)).toMatchObject({ status: 'True', reason: 'NameTaken' });
  expect(degraded(world).message).toContain('Service notes exists and belongs to somebody else');
  world.fake.remove(kinds.service, 'team', 'notes');
  await world.settle();
  expect(degraded(world)).toMatchObject({ status: 'False' });
});

test('a Deployment of another controller is left alone, and its pods are not said to be ours', async () => {
  const world = await World.start();
  const owner = { apiVersion: 'a.b/v1', kind: 'App', name: 'notes', uid: 'theirs', controller: true };
  const labels = { 'app.kubernetes.io/managed-by': 'berth', 'app.kubernetes.io/instance': 'notes' };
  const theirs = world.fake.put({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment' },
    metadata: { namespace: 'team', name: 'notes', labels, ownerReferences: [owner] },
    spec: { replicas: 7 },
    status: { replicas: 7, readyReplicas: 7, availableReplicas: 7 },
  } as never);
  world.want();
  await world.pass();
  expect(world.deployment()).toEqual(theirs);
  expect(world.fleet()?.status).toMatchObject({ replicas: 0, readyReplicas: 0 });
  expect(degraded(world)).toMatchObject({ reason: 'NameTaken' });
});

test('what somebody makes under the name in the same moment is not written over', async () => {
  const world = await World.start();
  const theirs = {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'team', name: 'notes' } },
    spec: { type: 'ClusterIP', selector: { app: 'theirs' }, sessionAffinity: 'None' },
  };
  const api = world.fake.api();
  const apply = api.apply.bind(api);
  api.apply = (object, options) => {
    if (object.metadata.name === 'notes' && object.kind === 'Service') world.fake.put(theirs as never);
    return apply(object, options);
  };
  await world.changeLeader(api);
  world.want();
  await expect(world.pass()).rejects.toThrow('409');
  expect(world.fake.get<ServiceObject>(kinds.service, 'team', 'notes')?.spec).toMatchObject(theirs.spec);
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
  await world.settle();
  expect(degraded(world)).toMatchObject({ reason: 'NameTaken' });
});

test('what was made anew under the name in the same moment is not taken for the object of before', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  const leader = await world.changeLeader();
  world.want({ service: { annotations: { 'a.b/c': 'd' } } });
  await leader.seesAll();
  world.fake.unnoticed(() => {
    world.fake.remove(kinds.service, 'team', 'notes');
    const metadata = { namespace: 'team', name: 'notes' };
    world.fake.put({ apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: 'theirs' } } } as never);
  });
  await expect(leader.reconcile('team/notes')).rejects.toThrow('409');
  expect(world.fake.get<ServiceObject>(kinds.service, 'team', 'notes')?.spec?.selector).toEqual({ app: 'theirs' });
});

test.for([403, 422, 500])(
  'what is answered with %i keeps nothing else from being made, and is told',
  async (status) => {
    const world = await World.start();
    world.fake.failNext('apply networkpolicies', status, 100);
    world.want();
    await world.pass().catch(() => undefined);
    expect(world.objects()).toEqual(DEFAULT_OBJECTS().filter((name) => !name.startsWith('NetworkPolicy')));
    expect(degraded(world)).toMatchObject({ status: 'True', reason: 'ApplyRefused' });
    expect(degraded(world).message).toContain(`NetworkPolicy notes was refused`);
    expect(degraded(world).message).toContain(String(status));
    world.fake.heal();
    world.now += 10_000;
    await world.settle();
    expect(world.objects()).toEqual(DEFAULT_OBJECTS());
    expect(degraded(world)).toMatchObject({ status: 'False' });
  },
);

test.for([
  ['to scale', (world: World) => world.want({ replicas: 3 }), /apply deployments/, 'Deployment notes'],
  ['to delete', (world: World) => world.want(), /delete ingresses/, 'Ingress notes'],
] as const)('a refusal %s is told as well', async ([, change, match, what]) => {
  const world = await World.start();
  world.want({ replicas: 2, ingress: { enabled: true, hosts: ['a.b'] } });
  await world.settle();
  change(world);
  world.fake.failNext(match, 403, 100);
  await world.pass();
  expect(degraded(world)).toMatchObject({ status: 'True', reason: 'ApplyRefused' });
  expect(degraded(world).message).toContain(`${what} was refused`);
});

test('what is refused is asked for less and less often, and at once when its spec changes', async () => {
  const world = await World.start();
  world.fake.failNext('apply networkpolicies', 422, 1_000);
  world.want();
  const tries = () => world.fake.requests['apply networkpolicies'] ?? 0;
  const during = async (seconds: number) => {
    const before = tries();
    for (let second = 0; second < seconds; second += 10) {
      await world.pass();
      world.rollOut();
      world.now += 10_000;
    }
    return tries() - before;
  };
  expect(await during(60)).toBeGreaterThan(2);
  await during(600);
  expect(await during(600)).toBeLessThanOrEqual(2);
  expect(degraded(world)).toMatchObject({ status: 'True', reason: 'ApplyRefused' });
  const before = tries();
  world.want({ networkPolicy: { adminNamespaces: ['monitoring'] } });
  await world.pass();
  expect(tries()).toBe(before + 1);
});

test('a conflict is tried again, and no trouble', async () => {
  const world = await World.start();
  world.fake.failNext('apply services', 409);
  world.want();
  await expect(world.pass()).rejects.toThrow('409');
  expect(degraded(world)).toMatchObject({ status: 'False' });
  await world.settle();
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
});

test.for(['drop', 'hang'] as const)('no answer (%s) ends a pass, for the next to go on', async (answer) => {
  const world = await World.start();
  const connection = httpConnection(world.fake.url, { requestTimeoutMs: 300 });
  await world.changeLeader(new KubeApi({ connection }));
  world.want();
  world.fake.failNext('apply services', answer);
  await expect(world.pass()).rejects.toThrow();
  expect(world.deployment()).toBeUndefined();
  await world.settle();
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
  connection.close();
});

test('a leader that has lost its place writes no more', async () => {
  const world = await World.start();
  world.want();
  const leader = await world.changeLeader();
  await leader.seesAll();
  const end = new AbortController();
  world.fake.failNext('apply networkpolicies', 'hang');
  const pass = leader.reconcile('team/notes', end.signal);
  await expect.poll(() => world.fake.requests['apply networkpolicies']).toBe(1);
  const before = world.writes();
  end.abort();
  await expect(pass).rejects.toThrow();
  expect(world.writes()).toBe(before);
  expect(world.objects()).toEqual([]);
});

test('the longest of answers fits into the condition', async () => {
  const world = await World.start();
  const api = world.fake.api();
  const apply = api.apply.bind(api);
  api.apply = async (object, options) => {
    if (object.kind === 'Service') {
      const { KubeError } = await import('../../../src/kube/kube-error.ts');
      throw new KubeError('x'.repeat(100_000), { status: 422, reason: 'Invalid' });
    }
    return await apply(object, options);
  };
  await world.changeLeader(api);
  world.want();
  await world.pass();
  expect(degraded(world).message?.length).toBeLessThanOrEqual(32_768);
});

test('what the API server writes in another way is applied once, and not for ever', async () => {
  const world = await World.start();
  const plain = httpConnection(world.fake.url);
  const connection: typeof plain = {
    ...plain,
    // A quantity has one way to be written: what is read back differs from what was applied.
    request: ({ body, ...rest }) =>
      plain.request({ ...rest, ...(body === undefined ? {} : { body: body.replace('"1000m"', '"1"') }) }),
  };
  await world.changeLeader(new KubeApi({ connection }));
  world.want({ resources: { limits: { cpu: '1000m' } } });
  await world.settle();
  expect(world.deployment()?.spec?.template.spec?.containers[0]?.resources?.limits).toEqual({ cpu: '1' });
  const settled = world.requests();
  for (let time = 0; time < 100; time++) {
    world.rollOut('team', 'notes', { readyReplicas: time % 2 });
    await world.pass();
    world.now += 10_000;
  }
  const statuses = world.fake.requests['apply mcpfleets'] ?? 0;
  expect(world.requests() - settled).toBeLessThanOrEqual(statuses);
  expect((await world.events()).filter((event) => event.startsWith('Normal Changed'))).toEqual([]);

  world.fake.edit(kinds.deployment, 'team', 'notes', (found) => {
    const text = JSON.stringify(found).replace('"cpu":"1"', '"cpu":"8"');
    return JSON.parse(text) as KubeObject;
  });
  await world.pass();
  expect(world.deployment()?.spec?.template.spec?.containers[0]?.resources?.limits).toEqual({ cpu: '1' });
  connection.close();
});

test('a new leader applies such an object once, changes nothing and tells of no change', async () => {
  const world = await World.start();
  world.want({ service: { annotations: { 'a.b/c': 'd' } } });
  await world.settle();
  // An entry that others may add: only the API server can say that nothing is lacking.
  world.fake.edit(kinds.deployment, 'team', 'notes', (found) => {
    const text = JSON.stringify(found).replace('"env":[', '"env":[{"name":"THEIRS","value":"1"},');
    return JSON.parse(text) as KubeObject;
  });
  await world.settle();
  const told = await world.events();
  await world.changeLeader();
  const [before, writes] = [world.deployment(), world.writes()];
  for (let time = 0; time < 10; time++) {
    await world.pass();
    world.now += 10_000;
  }
  expect(world.writes()).toBe(writes + 1);
  expect(world.deployment()).toEqual(before);
  expect(await world.events()).toEqual(told);
});

test('somebody who undoes everything at once is answered less and less often', async () => {
  const world = await World.start();
  world.want({ service: { annotations: { 'a.b/c': 'ours' } } });
  await world.settle();
  const undo = () =>
    world.fake.edit(kinds.service, 'team', 'notes', ({ metadata, ...rest }) => ({
      ...rest,
      metadata: { ...metadata, annotations: { ...metadata.annotations, 'a.b/c': 'theirs' } },
    }));
  const before = world.writes();
  for (let second = 0; second < 600; second++) {
    undo();
    await world.pass();
    world.now += 1_000;
  }
  expect(world.writes() - before).toBeLessThanOrEqual(10);
  expect((await world.events()).filter((event) => event === 'Normal Changed Service notes')).toHaveLength(1);
  world.now += 600_000;
  await world.pass();
  expect(world.fake.get(kinds.service, 'team', 'notes')?.metadata.annotations).toMatchObject({ 'a.b/c': 'ours' });
});

test('a spec that goes back and forth is followed at once', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  for (const tag of ['2', '1', '2', '1', '2']) {
    world.want({ image: { ...SPEC.image, tag } });
    await world.pass();
    expect(world.deployment()?.spec?.template.spec?.containers[0]?.image).toBe(`${SPEC.image.repository}:${tag}`);
  }
});
