import { expect, test } from 'vitest';
import { render } from '../../../charts/render.ts';
import { kinds } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/kube-object.ts';
import { inheritedFields } from '../../../src/operator/reconcile/inherit.ts';
import { validateValues } from '../../../src/values/validate.ts';
import { DEFAULT_OBJECTS, type DeploymentObject, SPEC, World } from './world.ts';

/** Plain manifests of the fleet, as kubectl applies them to the cluster. */
async function applyManifests(world: World, how: 'client' | 'server', values: object): Promise<void> {
  const objects = render(
    validateValues({ ...SPEC, name: 'notes', namespace: 'team', ...values }),
  ) as unknown as KubeObject[];
  for (const object of objects) {
    if (how === 'client') world.fake.put(object, { manager: 'kubectl-client-side-apply' });
    else await world.fake.api().apply(object, { fieldManager: 'kubectl' });
  }
}

test.for(['client', 'server'] as const)('manifests applied on the side of the %s are taken over', async (how) => {
  const world = await World.start();
  await applyManifests(world, how, { replicas: 4, nodeSelector: { disk: 'ssd' } });
  world.rollOut();
  const { uid } = world.deployment()?.metadata ?? {};
  const numbers: unknown[] = [];
  const api = world.fake.api();
  const apply = api.apply.bind(api);
  api.apply = async <T extends KubeObject>(...of: Parameters<typeof apply>) => {
    const answer = await apply<T>(...of);
    if (answer.kind === 'Deployment') numbers.push((answer as unknown as DeploymentObject).spec?.replicas);
    return answer;
  };
  await world.changeLeader(api);

  const fleet = world.want({ nodeSelector: { disk: 'ssd' } });
  await world.settle();
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
  expect(world.condition('Degraded')).toMatchObject({ status: 'False' });
  expect(world.deployment()?.metadata).toMatchObject({ uid, ownerReferences: [{ uid: fleet.metadata.uid }] });

  // Nobody else still wants what the resource no longer has.
  world.want();
  await world.settle();
  expect(world.deployment()?.spec?.template.spec?.nodeSelector).toBeUndefined();
  expect(new Set(numbers)).toEqual(new Set([4]));
});

test('what others have set besides stays theirs', async () => {
  const world = await World.start();
  await applyManifests(world, 'client', {});
  world.fake.edit(kinds.service, 'team', 'notes', ({ metadata, ...rest }) => ({
    ...rest,
    metadata: { ...metadata, annotations: { 'a.b/c': 'theirs' } },
  }));
  world.want({ service: { port: 8080 } });
  await world.settle();
  expect(world.fake.get(kinds.service, 'team', 'notes')?.metadata.annotations).toMatchObject({ 'a.b/c': 'theirs' });
});

test('who owns what is taken over once', async () => {
  const world = await World.start();
  await applyManifests(world, 'client', {});
  world.want();
  await world.settle();
  expect(world.fake.requests['patch deployments']).toBe(1);
  await world.changeLeader();
  await world.settle();
  expect(world.fake.requests['patch deployments']).toBe(1);
});

test('the number of pods goes to the manager that applies nothing else, and all other owners stay', () => {
  const labels = { 'f:labels': { 'f:app.kubernetes.io/managed-by': {} } };
  const spec = { 'f:spec': { 'f:replicas': {}, 'f:paused': {} } };
  const entry = (manager: string, fieldsV1: object, over: object = {}) =>
    ({ manager, operation: 'Update', apiVersion: 'apps/v1', fieldsType: 'FieldsV1', fieldsV1, ...over }) as never;
  const kubectl = entry('kubectl', { 'f:metadata': labels, ...spec });
  const others = [
    entry('kube-controller-manager', { 'f:status': {} }, { subresource: 'status' }),
    entry('other', { 'f:metadata': labels }, { apiVersion: 'apps/v1beta1' }),
    entry('editor', { 'f:spec': { 'f:minReadySeconds': {} } }),
  ];
  const ours = entry('berth-operator', { 'f:metadata': { 'f:annotations': {} } }, { operation: 'Apply' });
  const applied = { operation: 'Apply', apiVersion: 'apps/v1', fieldsType: 'FieldsV1' };
  expect(inheritedFields([kubectl, ...others, ours], 'apps/v1')).toEqual([
    ...others,
    {
      ...applied,
      manager: 'berth-operator',
      fieldsV1: { 'f:metadata': { ...labels, 'f:annotations': {} }, 'f:spec': { 'f:paused': {} } },
    },
    { ...applied, manager: 'berth-operator-replicas', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
  ]);
  expect(inheritedFields([...others, ours], 'apps/v1')).toBeUndefined();
});
