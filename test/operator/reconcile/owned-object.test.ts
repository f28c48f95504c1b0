import { expect, test } from 'vitest';
import { heldObjectOf, ownedObjectOf } from '../../../src/operator/reconcile/owned-object.ts';

const object = (ownerReferences: readonly object[]) => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap' },
  metadata: {
    ...{ name: 'a', namespace: 'team', uid: 'u', resourceVersion: '7', generation: 2, deletionTimestamp: 'now' },
    labels: { 'app.kubernetes.io/managed-by': 'berth' },
    annotations: { 'a.b/c': 'd' },
    creationTimestamp: 'then',
    finalizers: ['a.b/c'],
    managedFields: [],
    ownerReferences: ownerReferences as never,
  },
  data: { large: 'x'.repeat(1_000) },
});

test.for([
  ['nobody', []],
  ['another controller', [{ apiVersion: 'a.b/v1', kind: 'App', name: 'a', uid: 'v', controller: true }]],
] as const)('of an object of %s only is held who it is', ([, owners]) => {
  const { annotations, creationTimestamp, finalizers, managedFields, ...metadata } = object(owners).metadata;
  const held = heldObjectOf(object(owners));
  expect(held).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata, replicasAreHeld: false });
});

test('of an object of a fleet everything is held that is compared', () => {
  const owned = object([{ apiVersion: 'berth.dev/v1alpha1', kind: 'MCPFleet', name: 'a', uid: 'v', controller: true }]);
  expect(heldObjectOf(owned)).toEqual(ownedObjectOf(owned));
  expect(heldObjectOf(owned)).toMatchObject({ data: owned.data, metadata: { annotations: { 'a.b/c': 'd' } } });
});
