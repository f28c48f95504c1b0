import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import { API_SERVICE_NAMES, type ApiService } from '../../../src/operator/api-services/api-service.ts';
import { registeredBundles } from '../../../src/operator/api-services/registered.ts';
import { foreignApiService, role, service, startRegistration, withStatus } from './registration.ts';

const [V1BETA1, V1BETA2] = API_SERVICE_NAMES as [string, string];
const SOON = { timeout: 10_000 };
type World = Awaited<ReturnType<typeof startRegistration>>;

const edit = ({ fake }: World, name: string, change: (found: ApiService) => ApiService) =>
  fake.edit<ApiService>(kinds.apiService, undefined, name, change);
const setStatus = (world: World, status: 'True' | 'False', message = '') => {
  for (const name of API_SERVICE_NAMES) edit(world, name, (found) => withStatus(found, status, message));
};
const reason = (world: World) => expect.poll(() => world.state?.reason, SOON);

/** Lets the leader look once more, from beginning to end. */
async function lookOnce(world: World): Promise<void> {
  const before = Math.ceil(world.looks());
  world.look();
  await expect.poll(world.looks, SOON).toBeGreaterThanOrEqual(before + 1);
  world.look();
  await expect.poll(world.looks, SOON).toBeGreaterThanOrEqual(before + 2);
}

test('nothing is registered before a replica is Ready, then both versions are, owned by the ClusterRole', async () => {
  const world = await startRegistration();
  world.ready = false;
  world.start();
  await reason(world).toBe('NotReady');
  expect(world.found()).toEqual([undefined, undefined]);

  world.ready = true;
  world.look();
  await reason(world).toBe('Unavailable');
  expect(world.state).toMatchObject({ available: false, message: expect.stringContaining('not tried') });
  const { uid } = world.fake.get(kinds.clusterRole, undefined, role.metadata.name)?.metadata ?? {};
  for (const found of world.found()) {
    expect(found?.spec).toMatchObject({ service, caBundle: 'QQ==' });
    const kind = { apiVersion: kinds.clusterRole.apiVersion, kind: 'ClusterRole' };
    expect(found?.metadata.ownerReferences).toEqual([{ ...kind, name: role.metadata.name, uid }]);
  }
});

test('whether HPAs are served is what the API server says of both', async () => {
  const world = await startRegistration();
  world.start();
  await reason(world).toBe('Unavailable');
  edit(world, V1BETA1, (found) => withStatus(found, 'True', ''));
  await lookOnce(world);
  expect(world.state?.available).toBe(false);
  setStatus(world, 'True');
  world.look();
  await reason(world).toBe('Registered');
  expect(world.state).toMatchObject({
    available: true,
    message: expect.stringContaining('berth-system/berth-operator'),
  });
  setStatus(world, 'False', 'endpoints have no addresses');
  world.look();
  await reason(world).toBe('Unavailable');
  expect(world.state).toMatchObject({
    available: false,
    message: expect.stringContaining('MissingEndpoints: endpoints have no addresses'),
  });
});

test.for(['v1beta1', 'v1beta2'] as const)(
  'beside a %s of another server nothing is created or touched, and the ways out are named',
  async (version) => {
    const world = await startRegistration();
    const theirs = world.fake.put(foreignApiService(version));
    world.start();
    await reason(world).toBe('Foreign');
    await lookOnce(world);
    expect(world.state?.available).toBe(false);
    for (const word of [
      `${version}.custom.metrics.k8s.io`,
      'monitoring/prometheus-adapter',
      'autoscaling.source',
      'keda',
    ])
      expect(world.state?.message).toContain(word);
    expect(world.fake.objects(kinds.apiService)).toEqual([theirs]);

    world.fake.remove(kinds.apiService, undefined, theirs.metadata.name);
    world.look();
    await reason(world).toBe('Unavailable');
    expect(world.bundles()).toEqual(['QQ==', 'QQ==']);
  },
);

test('one that is deleted is put back, and so are its bundle and its verification', async () => {
  const world = await startRegistration();
  world.start();
  await reason(world).toBe('Unavailable');
  setStatus(world, 'True');
  world.fake.remove(kinds.apiService, undefined, V1BETA1);
  edit(world, V1BETA2, (found) => {
    const { caBundle: _, ...spec } = found.spec;
    return { ...found, spec: { ...spec, insecureSkipTLSVerify: true } };
  });
  world.look();
  await expect.poll(world.bundles, SOON).toEqual(['QQ==', 'QQ==']);
  expect(world.found()[1]?.spec.insecureSkipTLSVerify).toBe(false);
});

test('the bundle follows the Secret', async () => {
  const world = await startRegistration();
  world.start();
  await reason(world).toBe('Unavailable');
  world.bundle = 'Qg==';
  world.look();
  await expect.poll(world.bundles, SOON).toEqual(['Qg==', 'Qg==']);
});

test('one that is as it should be is not written again', async () => {
  const world = await startRegistration();
  world.start();
  await reason(world).toBe('Unavailable');
  setStatus(world, 'True');
  await lookOnce(world);
  expect(world.fake.requests['apply apiservices']).toBe(2);
});

test('what another server registers in the middle of a look stays what it is', async () => {
  const world = await startRegistration();
  world.meanwhile = () => {
    world.meanwhile = () => {};
    for (const version of ['v1beta1', 'v1beta2'] as const) world.fake.put(foreignApiService(version));
    world.look();
  };
  world.start();
  await reason(world).toBe('Foreign');
  expect(world.found().map((found) => found?.spec.service?.name)).toEqual(['prometheus-adapter', 'prometheus-adapter']);
  expect(world.bundles()).toEqual(['Wg==', 'Wg==']);
});

test('what another server takes from us in the middle of a look stays what it is', async () => {
  const world = await startRegistration();
  world.start();
  await reason(world).toBe('Unavailable');
  world.bundle = 'Qg==';
  world.meanwhile = () => {
    world.meanwhile = () => {};
    for (const name of API_SERVICE_NAMES) {
      const { spec } = foreignApiService(name.startsWith('v1beta1') ? 'v1beta1' : 'v1beta2');
      edit(world, name, (found) => ({ ...found, spec }));
    }
    world.look();
  };
  world.look();
  await reason(world).toBe('Foreign');
  expect(world.bundles()).toEqual(['Wg==', 'Wg==']);
});

test('a bundle that somebody wrote after ours was read is not written over', async () => {
  const world = await startRegistration();
  world.start();
  await reason(world).toBe('Unavailable');
  world.bundle = 'b3V0ZGF0ZWQ=';
  const generations = () => world.found().map((found) => found?.metadata.generation);
  world.meanwhile = () => {
    // A new leader; what it writes is what the Secret says by now.
    world.meanwhile = () => {};
    for (const name of API_SERVICE_NAMES) {
      edit(world, name, (found) => ({ ...found, spec: { ...found.spec, caBundle: 'Qg==' } }));
    }
    queueMicrotask(() => (world.bundle = 'Qg=='));
  };
  const before = world.fake.requests['apply apiservices'] ?? 0;
  world.look();
  await expect.poll(() => world.fake.requests['apply apiservices'], SOON).toBe(before + 2);
  await lookOnce(world);
  expect(world.bundles()).toEqual(['Qg==', 'Qg==']);
  // Written over and put back would be four.
  expect(generations()).toEqual([2, 2]);
});

test('without the ClusterRole, or with one that is being deleted, nothing is created', async () => {
  const world = await startRegistration();
  world.fake.put({ ...role, metadata: { ...role.metadata, finalizers: ['a.b/c'] } });
  world.fake.remove(kinds.clusterRole, undefined, role.metadata.name);
  world.start();
  await reason(world).toBe('Uninstalling');
  expect(world.found()).toEqual([undefined, undefined]);
  world.fake.put({ ...role, metadata: { ...role.metadata, finalizers: [] } });
  await lookOnce(world);
  expect(world.fake.objects(kinds.clusterRole)).toEqual([]);
  expect(world.found()).toEqual([undefined, undefined]);
  expect(world.state?.reason).toBe('Uninstalling');
});

test('a ClusterRole that was made anew owns them instead of the old one', async () => {
  const world = await startRegistration();
  world.start();
  await reason(world).toBe('Unavailable');
  world.fake.remove(kinds.clusterRole, undefined, role.metadata.name);
  const { uid } = world.fake.put(role).metadata;
  const owners = () => world.found().map((found) => found?.metadata.ownerReferences?.map((owner) => owner.uid));
  world.look();
  await expect.poll(owners, SOON).toEqual([[uid], [uid]]);
});

test('without a certificate nothing is registered', async () => {
  const world = await startRegistration();
  world.bundle = undefined;
  world.start();
  await reason(world).toBe('NotReady');
  expect(world.state?.message).toContain('certificate');
  expect(world.found()).toEqual([undefined, undefined]);
});

test('what the API server does not allow is said, until it does', async () => {
  const world = await startRegistration();
  world.fake.failNext('apply apiservices', 403, 100);
  world.start();
  await reason(world).toBe('Failed');
  expect(world.state?.message).toContain('403 Forbidden');
  world.fake.heal();
  world.look();
  await reason(world).toBe('Unavailable');
});

test('that the API server does not answer says nothing new of what is registered', async () => {
  const world = await startRegistration();
  world.start();
  await reason(world).toBe('Unavailable');
  setStatus(world, 'True');
  world.look();
  await reason(world).toBe('Registered');
  world.fake.failNext('get apiservices', 503, 2);
  world.fake.failNext('get clusterroles', 'drop');
  const seen = world.states.length;
  await lookOnce(world);
  await lookOnce(world);
  expect(world.states).toHaveLength(seen);
});

test('the bundles that verify us are those of the APIServices that are ours', async () => {
  const world = await startRegistration();
  const never = new AbortController().signal;
  expect(await registeredBundles(world.fake.api(), service, never)).toEqual([]);
  world.fake.put(foreignApiService('v1beta1'));
  const { caBundle: _, ...spec } = foreignApiService('v1beta2').spec;
  const ours = world.fake.put({ ...foreignApiService('v1beta2'), spec: { ...spec, service } });
  expect(await registeredBundles(world.fake.api(), service, never)).toEqual(['']);
  world.fake.put({ ...ours, spec: { ...ours.spec, caBundle: 'QQ==' } });
  expect(await registeredBundles(world.fake.api(), service, never)).toEqual(['A']);
});
