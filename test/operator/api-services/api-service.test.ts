import { expect, test } from 'vitest';
import {
  API_SERVICE_NAMES,
  type ApiService,
  type ApiServiceSpec,
  apiServices,
  isAsWanted,
  isOurs,
  unavailability,
} from '../../../src/operator/api-services/api-service.ts';

const service = { namespace: 'berth-system', name: 'berth-operator' };
const owner = { name: 'berth-operator', uid: 'a-role' };
const [v1beta1, v1beta2] = apiServices({ service, caBundle: 'QQ==', owner }) as [ApiService, ApiService];

test('both versions are registered, and the newer one goes first', () => {
  expect([v1beta1.metadata.name, v1beta2.metadata.name]).toEqual(API_SERVICE_NAMES);
  expect(API_SERVICE_NAMES).toEqual(['v1beta1.custom.metrics.k8s.io', 'v1beta2.custom.metrics.k8s.io']);
  expect(v1beta2.spec.versionPriority).toBeGreaterThan(v1beta1.spec.versionPriority);
  expect(v1beta2).toEqual({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: {
      name: 'v1beta2.custom.metrics.k8s.io',
      labels: { 'app.kubernetes.io/managed-by': 'berth' },
      ownerReferences: [
        { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'berth-operator', uid: 'a-role' },
      ],
    },
    spec: {
      group: 'custom.metrics.k8s.io',
      version: 'v1beta2',
      groupPriorityMinimum: 100,
      versionPriority: 200,
      service: { ...service, port: 443 },
      caBundle: 'QQ==',
      insecureSkipTLSVerify: false,
    },
  });
});

const withService = (found: ApiServiceSpec['service']): ApiService => {
  const { service: _, ...spec } = v1beta1.spec;
  return { ...v1beta1, spec: found === undefined ? spec : { ...spec, service: found } };
};

test.for<[string, ApiServiceSpec['service'], boolean]>([
  ['our Service', { ...service, port: 443 }, true],
  ['our Service on another port', { ...service, port: 6443 }, true],
  ['a Service of our name elsewhere', { ...service, namespace: 'default' }, false],
  ['another Service in our namespace', { ...service, name: 'prometheus-adapter' }, false],
  ['what the API server serves itself', undefined, false],
  ['what the API server serves itself, with null', null, false],
])('an APIService for %s is told', ([, found, ours]) => {
  expect(isOurs(withService(found), service)).toBe(ours);
});

/** As an API server returns it: with more, and without what is false. */
const { insecureSkipTLSVerify: _, ...stored } = v1beta1.spec;
const found: ApiService = {
  ...v1beta1,
  metadata: {
    ...v1beta1.metadata,
    uid: 'u',
    labels: { ...v1beta1.metadata.labels, team: 'a' },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'b' },
      ...(v1beta1.metadata.ownerReferences ?? []),
    ],
  },
  spec: stored,
};

test('what others added leaves an APIService as wanted', () => {
  expect(isAsWanted(found, v1beta1)).toBe(true);
});

test.for<[string, ApiService]>([
  ['another bundle', { ...found, spec: { ...stored, caBundle: 'Qg==' } }],
  ['no verification', { ...found, spec: { ...stored, insecureSkipTLSVerify: true } }],
  ['another port', { ...found, spec: { ...stored, service: { ...service, port: 6443 } } }],
  ['another priority', { ...found, spec: { ...stored, versionPriority: 5 } }],
  [
    'no label',
    { ...found, metadata: { name: found.metadata.name, ownerReferences: found.metadata.ownerReferences ?? [] } },
  ],
  ['no owner', { ...found, metadata: { ...found.metadata, ownerReferences: [] } }],
  [
    'a ClusterRole that was replaced as its owner',
    {
      ...found,
      metadata: {
        ...found.metadata,
        ownerReferences: [
          { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'berth-operator', uid: 'old' },
        ],
      },
    },
  ],
])('with %s it is not', ([, changed]) => {
  expect(isAsWanted(changed, v1beta1)).toBe(false);
});

test('why the API server sends nothing on is said in its own words', () => {
  const saying = (status: string, reason?: string, message?: string): ApiService => ({
    ...found,
    status: { conditions: [{ type: 'Available', status, ...(reason && { reason }), ...(message && { message }) }] },
  });
  expect(unavailability(saying('True', 'Passed'))).toBeUndefined();
  expect(unavailability(found)).toContain('not tried v1beta1.custom.metrics.k8s.io yet');
  expect(unavailability(saying('False', 'FailedDiscoveryCheck', 'x509: unknown authority'))).toBe(
    'v1beta1.custom.metrics.k8s.io is not available: FailedDiscoveryCheck: x509: unknown authority',
  );
  expect(unavailability(saying('Unknown'))).toBe('v1beta1.custom.metrics.k8s.io is not available');
});
