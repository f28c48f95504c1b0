import type { V1Service } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { DEFAULT_OBJECTS, degraded, World } from './world.ts';

type ServiceObject = KubeObject & Pick<V1Service, 'spec'>;

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
