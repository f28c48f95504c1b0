import { expect, onTestFinished, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import { isAnyReady, listReplicas } from '../../../src/operator/certificates/replicas.ts';
import { FakeKubeApi } from '../../fixtures/fake-kube-api/fake-kube-api.ts';
import { service } from './generations.ts';

const never = new AbortController().signal;

async function clusterWith(...slices: readonly object[]) {
  const fake = await FakeKubeApi.start();
  onTestFinished(() => fake.stop());
  for (const [index, slice] of slices.entries()) {
    const labels = { 'kubernetes.io/service-name': 'berth-operator' };
    const metadata = { name: `s${index}`, namespace: service.namespace, labels };
    fake.put({ apiVersion: kinds.endpointSlice.apiVersion, kind: 'EndpointSlice', metadata, ...slice });
  }
  return fake.api();
}

const ports = [
  { name: 'metrics', port: 9464 },
  { name: 'metrics-api', port: 8443 },
];

test('replicas are found in all slices, ready or not, but not those that end', async () => {
  const api = await clusterWith(
    {
      ports,
      endpoints: [
        { addresses: ['10.0.0.1'], conditions: { ready: true } },
        { addresses: ['10.0.0.2'], conditions: { ready: false } },
        { addresses: ['10.0.0.3'], conditions: { ready: false, serving: true, terminating: true } },
      ],
    },
    { ports: [{ name: 'metrics-api', port: 443 }], endpoints: [{ addresses: ['fd00::4'] }] },
  );
  expect(await listReplicas(api, service, never)).toEqual([
    { host: '10.0.0.1', port: 8443, ready: true },
    { host: '10.0.0.2', port: 8443, ready: false },
    { host: 'fd00::4', port: 443, ready: true },
  ]);
});

test('slices without endpoints, without the port, or of another Service name no replica', async () => {
  const others = {
    metadata: { name: 'o', namespace: service.namespace, labels: { 'kubernetes.io/service-name': 'app' } },
  };
  const endpoints = [{ addresses: ['10.0.0.1'] }];
  const api = await clusterWith(
    { ports, endpoints: null },
    { ports: null, endpoints },
    { ports, endpoints, ...others },
  );
  expect(await listReplicas(api, service, never)).toEqual([]);
});

test.for([
  ['ready', { ready: true }, true],
  ['not ready', { ready: false }, false],
  ['ending', { ready: true, terminating: true }, false],
] as const)('one replica that is %s', async ([, conditions, ready]) => {
  const api = await clusterWith({ ports, endpoints: [{ addresses: ['10.0.0.1'], conditions }] });
  expect(await isAnyReady(api, service, never)).toBe(ready);
});
