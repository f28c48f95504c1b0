import { describe, expect, test } from 'vitest';
import { rendered, renderedContainer } from './rendered.ts';

test('the grace period is what the drain needs, and a longer one is kept', () => {
  const grace = (more: object) => rendered('Deployment', { ...more }).spec.template.spec.terminationGracePeriodSeconds;
  expect(grace({})).toBe(5 + 15 + 60 + 5);
  expect(grace({ server: { drainDelay: '1500ms', drainWindow: '1m', longestCall: '10m' } })).toBe(667);
  expect(grace({ terminationGracePeriodSeconds: 120 })).toBe(120);
});

test('replicas are there unless an autoscaler owns them', () => {
  expect(rendered('Deployment').spec.replicas).toBe(1);
  expect(rendered('Deployment', { workers: 4 }).spec.replicas).toBe(4);
  expect(rendered('Deployment', { replicas: 0 }).spec.replicas).toBe(0);
  expect(rendered('Deployment', { autoscaling: { enabled: true } }).spec).not.toHaveProperty('replicas');
});

test('a rollout never takes a pod away before its successor is Ready', () => {
  expect(rendered('Deployment').spec.strategy).toEqual({
    type: 'RollingUpdate',
    rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 },
  });
});

test('changing one number of the rollout leaves the other, and Recreate has none', () => {
  const strategy = (more: object) => rendered('Deployment', { strategy: more }).spec.strategy;
  expect(strategy({ rollingUpdate: { maxSurge: 2 } }).rollingUpdate).toEqual({ maxSurge: 2, maxUnavailable: 0 });
  expect(strategy({ type: 'Recreate' })).toEqual({ type: 'Recreate' });
});

test('the selector finds the pods and does not change with the image', () => {
  const { selector, template } = rendered('Deployment').spec;
  expect(template.metadata.labels).toMatchObject(selector.matchLabels);
  const upgraded = rendered('Deployment', { image: { repository: 'other', tag: 'v2' } });
  expect(upgraded.spec.selector).toEqual(selector);
  expect(selector.matchLabels).toHaveProperty(['app.kubernetes.io/instance'], 'berth');
});

test('the pod meets Pod Security "restricted" and has a read-only root', () => {
  const { spec } = rendered('Deployment').spec.template;
  expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(spec.containers[0].securityContext).toEqual({
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  });
});

test('security fields that the user gives are laid over, the others stay', () => {
  const { spec } = rendered('Deployment', {
    podSecurityContext: { runAsUser: 2000 },
    securityContext: { readOnlyRootFilesystem: false },
  }).spec.template;
  expect(spec.securityContext).toMatchObject({ runAsUser: 2000, runAsNonRoot: true });
  expect(spec.containers[0].securityContext).toMatchObject({
    readOnlyRootFilesystem: false,
    allowPrivilegeEscalation: false,
  });
});

test('a capability that is added leaves all others dropped', () => {
  const capabilities = (given: object) =>
    renderedContainer({ securityContext: { capabilities: given } }).securityContext;
  expect(capabilities({ add: ['NET_BIND_SERVICE'] }).capabilities).toEqual({
    drop: ['ALL'],
    add: ['NET_BIND_SERVICE'],
  });
  expect(capabilities({ drop: ['NET_RAW'] }).capabilities).toEqual({ drop: ['NET_RAW'] });
});

test('a rollout may take longer than its pods must be Ready', () => {
  const spec = (minReadySeconds: number) => rendered('Deployment', { minReadySeconds }).spec;
  expect(spec(599)).not.toHaveProperty('progressDeadlineSeconds');
  expect(spec(600)).toMatchObject({ minReadySeconds: 600, progressDeadlineSeconds: 1200 });
  expect(rendered('Deployment').spec).not.toHaveProperty('progressDeadlineSeconds');
});

test('a spread without a selector counts the pods of the fleet, one with a selector is kept', () => {
  const spread = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' };
  const own = { ...spread, labelSelector: { matchLabels: { a: 'b' } } };
  const { spec } = rendered('Deployment', { topologySpreadConstraints: [spread, own] });
  expect(spec.template.spec.topologySpreadConstraints).toEqual([{ ...spread, labelSelector: spec.selector }, own]);
});

test('no Service can set variables in the pod, and no token is mounted where everybody looks for one', () => {
  expect(rendered('Deployment').spec.template.spec).toMatchObject({
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    serviceAccountName: 'berth',
  });
});

test('without a ServiceAccount of its own the fleet runs as the named or the default one', () => {
  const account = (serviceAccount: object) =>
    rendered('Deployment', { serviceAccount }).spec.template.spec.serviceAccountName;
  expect(account({ create: false })).toBe('default');
  expect(account({ create: false, name: 'shared' })).toBe('shared');
  expect(account({ name: 'mine' })).toBe('mine');
  expect(rendered('ServiceAccount', { serviceAccount: { create: false } })).toBeUndefined();
});

describe('the container', () => {
  test('is probed on the admin port, so that a busy public listener does not fail a probe', () => {
    const { startupProbe, readinessProbe, livenessProbe, ports, lifecycle } = renderedContainer();
    expect(startupProbe.httpGet).toMatchObject({ path: '/health-check', port: 'admin' });
    expect(readinessProbe.httpGet).toMatchObject({ path: '/health-check', port: 'admin' });
    expect(livenessProbe.httpGet).toMatchObject({ path: '/livez', port: 'admin' });
    expect(ports).toEqual([
      { name: 'mcp', containerPort: 8000, protocol: 'TCP' },
      { name: 'admin', containerPort: 9464, protocol: 'TCP' },
      { name: 'peer', containerPort: 8001, protocol: 'TCP' },
    ]);
    expect(lifecycle).toBeUndefined();
  });

  test('listens where the settings say', () => {
    const { ports, args } = renderedContainer({ server: { port: 9000, adminPort: 9001 } });
    expect(ports).toMatchObject([{ containerPort: 9000 }, { containerPort: 9001 }, { containerPort: 8001 }]);
    expect(args).toEqual(expect.arrayContaining(['--port=9000', '--admin-port=9001']));
  });

  test.each([
    [{ repository: 'a/b', tag: 'v1' }, 'a/b:v1'],
    [{ repository: 'a/b', digest: `sha256:${'0'.repeat(64)}` }, `a/b@sha256:${'0'.repeat(64)}`],
    [{ repository: 'a/b', tag: 'v1', digest: `sha256:${'0'.repeat(64)}` }, `a/b:v1@sha256:${'0'.repeat(64)}`],
  ])('runs the image %j', (image, reference) => {
    expect(renderedContainer({ image }).image).toBe(reference);
  });

  test('asks for memory that a full pod needs, and for exactly what the user says where he says it', () => {
    expect(renderedContainer({ server: { maxConnections: 25 } }).resources.requests.memory).toBe('160Mi');
    expect(renderedContainer({ server: { maxConnections: 1000 } }).resources).toEqual({
      requests: { cpu: '100m', memory: '352Mi' },
      limits: { memory: '704Mi' },
    });
    const parked = (maxParked: number) => renderedContainer({ server: { maxParked } }).resources.requests.memory;
    expect([parked(0), parked(10_000), parked(100_000)]).toEqual(['288Mi', '352Mi', '704Mi']);
    expect(renderedContainer({ resources: { limits: { cpu: 1 } } }).resources).toEqual({ limits: { cpu: 1 } });
  });
});
