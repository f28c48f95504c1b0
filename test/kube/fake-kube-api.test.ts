import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { kinds } from '../../src/kube/kinds.ts';
import type { KubeApi } from '../../src/kube/kube-api.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { FakeKubeApi } from '../fixtures/fake-kube-api/fake-kube-api.ts';
import { labelRequirements } from '../fixtures/fake-kube-api/selectors.ts';

interface Deployment extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly template?: { readonly spec: { readonly containers: readonly Record<string, unknown>[] } };
  };
  readonly status?: Record<string, unknown>;
}

let fake: FakeKubeApi;
let api: KubeApi;

beforeEach(async () => {
  fake = await FakeKubeApi.start();
  api = fake.api();
});
afterEach(() => fake.stop());

const hello = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'hello', namespace: 'team' } };
const deployment = { kind: kinds.deployment, namespace: 'team', name: 'hello' };
const withContainer = (container: object, spec: object = {}) => ({
  ...hello,
  spec: { ...spec, template: { spec: { containers: [{ name: 'main', ...container }] } } },
});

describe('server-side apply of the fake', () => {
  test('what the same manager leaves out is gone, what others added stays', async () => {
    await api.apply(withContainer({ image: 'a:1', env: [{ name: 'A', value: '1' }] }, { replicas: 4 }), {
      fieldManager: 'berth',
    });
    await api.apply(
      {
        ...hello,
        metadata: { ...hello.metadata, labels: { theirs: 'yes' } },
        spec: withContainer({ env: [{ name: 'B', value: '2' }] }).spec,
      },
      { fieldManager: 'other' },
    );
    await api.apply(withContainer({ image: 'a:2' }), { fieldManager: 'berth' });
    const now = await api.get<Deployment>(deployment);
    expect(now?.spec).toEqual(withContainer({ image: 'a:2', env: [{ name: 'B', value: '2' }] }).spec);
    expect(now?.metadata.labels).toEqual({ theirs: 'yes' });
  });

  test('a field that two managers apply stays when one lets go of it', async () => {
    await api.apply({ ...hello, spec: { replicas: 4, paused: true } }, { fieldManager: 'berth' });
    await api.apply({ ...hello, spec: { replicas: 4 } }, { fieldManager: 'berth-replicas' });
    await api.apply({ ...hello, spec: { paused: true } }, { fieldManager: 'berth' });
    expect((await api.get<Deployment>(deployment))?.spec).toEqual({ replicas: 4, paused: true });
  });

  test('a leaf of somebody else with another value is a conflict, unless forced', async () => {
    await api.apply({ ...hello, spec: { replicas: 4 } }, { fieldManager: 'berth' });
    const other = api.apply({ ...hello, spec: { replicas: 5 } }, { fieldManager: 'other' });
    await expect(other).rejects.toMatchObject({
      status: 409,
      reason: 'Conflict',
      message: expect.stringContaining('conflict with "berth": .spec.replicas'),
    });
    await api.apply({ ...hello, spec: { replicas: 5 } }, { fieldManager: 'other', force: true });
    const managed = fake.get(kinds.deployment, 'team', 'hello')?.metadata.managedFields;
    expect(managed).toEqual([
      expect.objectContaining({ manager: 'other', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:replicas': {} } } }),
    ]);
  });

  test('an item of a list goes when its last manager leaves it out', async () => {
    const two = [{ name: 'main' }, { name: 'side', image: 'b' }];
    await api.apply({ ...hello, spec: { template: { spec: { containers: two } } } }, { fieldManager: 'berth' });
    await api.apply(withContainer({}), { fieldManager: 'berth' });
    expect((await api.get<Deployment>(deployment))?.spec).toEqual(withContainer({}).spec);
  });

  test('an apply that changes nothing leaves the resource version alone, also between managers', async () => {
    const apply = async (fieldManager: string) =>
      (await api.apply(withContainer({ image: 'a' }), { fieldManager })).metadata;
    await apply('one');
    await apply('two');
    const { resourceVersion } = await apply('one');
    expect((await apply('two')).resourceVersion).toBe(resourceVersion);
  });

  test('a write that is no apply takes over what it changes', async () => {
    await api.apply(
      { ...hello, metadata: { ...hello.metadata, annotations: { cost: '1' } } },
      { fieldManager: 'berth' },
    );
    await api.mergePatch(deployment, { metadata: { annotations: { cost: '2' } } }, { fieldManager: 'kubectl' });
    const owned = { 'f:metadata': { 'f:annotations': { 'f:cost': {} } } };
    expect(fake.get(kinds.deployment, 'team', 'hello')?.metadata.managedFields).toEqual([
      expect.objectContaining({ manager: 'kubectl', operation: 'Update', fieldsV1: owned }),
    ]);
  });
});

test('generation counts changes of the spec, and the status is only written as a subresource', async () => {
  fake.put({ ...hello, spec: { replicas: 1 }, status: { readyReplicas: 1 } });
  await api.apply(
    { ...hello, spec: { replicas: 2 }, status: { readyReplicas: 9 } },
    { fieldManager: 'a', force: true },
  );
  expect(await api.get<Deployment>(deployment)).toMatchObject({
    metadata: { generation: 2 },
    status: { readyReplicas: 1 },
  });
  const status = { readyReplicas: 2 };
  await api.apply(
    { ...hello, spec: { replicas: 3 }, status },
    { fieldManager: 'a', subresource: 'status', force: true },
  );
  expect(await api.get<Deployment>(deployment)).toMatchObject({
    metadata: { generation: 2 },
    spec: { replicas: 2 },
    status,
  });
});

test('what is owned only by what is gone is collected, with what it owned', () => {
  const owner = fake.put({ ...hello, spec: {} });
  const owned = (name: string, uid: string | undefined) => ({
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: {
      name,
      namespace: 'team',
      ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: uid ?? '' }],
    },
  });
  const pod = fake.put(owned('a', owner.metadata.uid));
  fake.put(owned('b', pod.metadata.uid));
  expect(fake.collectGarbage()).toBe(0);
  fake.remove(kinds.deployment, 'team', 'hello');
  expect(fake.collectGarbage()).toBe(2);
  expect(fake.objects(kinds.pod)).toEqual([]);
});

test('an object with finalizers stays until they are taken away', async () => {
  fake.put({ ...hello, metadata: { ...hello.metadata, finalizers: ['x/y'] } });
  await api.delete(deployment);
  expect((await api.get(deployment))?.metadata.deletionTimestamp).toBeDefined();
  await api.mergePatch(deployment, { metadata: { finalizers: null } }, { fieldManager: 'a' });
  expect(await api.get(deployment)).toBeUndefined();
});

test('a Lease with milliseconds is turned away, as by a real server', async () => {
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'a', namespace: 'b' } };
  const spec = { renewTime: new Date(0).toISOString() };
  await expect(api.create(kinds.lease, { ...lease, spec })).rejects.toMatchObject({ status: 400 });
});

describe('label selectors of the fake', () => {
  test.for([
    ['app=a', true],
    ['app==a,tier=x', true],
    ['app!=a', false],
    ['app in (a, b)', true],
    ['app notin (a,b)', false],
    ['gone notin (a)', true],
    ['app,!gone', true],
    ['!app', false],
    ['app in (a,b),tier in (y)', false],
  ] as const)('%s', ([selector, expected]) => {
    expect(labelRequirements(selector).every((matches) => matches({ app: 'a', tier: 'x' }))).toBe(expected);
  });
});
