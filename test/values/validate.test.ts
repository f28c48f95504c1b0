import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from './minimal.ts';

function problems(more: Record<string, unknown>): readonly string[] {
  try {
    validateValues(minimal(more));
    return [];
  } catch (error) {
    if (error instanceof UsageError) return error.problems;
    throw error;
  }
}

const scraped = { networkPolicy: { adminNamespaces: ['monitoring'] } };

test.each(['a b', '-a', 'a/b/c', 'A.b/c', ''])('%j is no key of a label', (key) => {
  for (const map of ['podLabels', 'nodeSelector']) {
    expect(problems({ [map]: { [key]: 'x' } })).toEqual([`${map}.${key} is not a key that a label may have.`]);
    expect(problems({ [map]: { 'a.example.com/b_c.D': '', a: '1.0' } })).toEqual([]);
  }
});

test('a name and an image are enough', () => {
  expect(validateValues(minimal())).toMatchObject({ name: 'berth', service: { port: 80 } });
});

describe('one wrong key is one sentence that names it, what was found and what is allowed', () => {
  test.each<[Record<string, unknown>, string]>([
    [{ replica: 2 }, 'replica is not known. Did you mean replicas?'],
    [{ server: { maxConection: 3 } }, 'server.maxConection is not known. Did you mean maxConnections?'],
    [{ service: { prot: 80 } }, 'service.prot is not known. Did you mean port?'],
    [{ zzzzzz: 1 }, 'zzzzzz is not known.'],
    [{ server: { maxConnections: 0 } }, 'server.maxConnections must be at least 1. Got 0.'],
    [{ server: { maxConnections: -3 } }, 'server.maxConnections must be at least 1. Got -3.'],
    [{ server: { maxConnections: 'many' } }, 'server.maxConnections must be a number. Got "many".'],
    [
      { server: { maxConnections: 'auto' } },
      'server.maxConnections must be a number: the autoscaler’s target, the memory of the pods and the operator go by it before there is a pod. Run berth serve --max-connections auto in a container with the memory that the pods are to have, and give the number that it logs. Got "auto".',
    ],
    [{ server: { maxConnections: 1.5 } }, 'server.maxConnections must be an integer. Got 1.5.'],
    [{ service: { port: 70000 } }, 'service.port must be at most 65535. Got 70000.'],
    [{ server: { port: 0 } }, 'server.port must be at least 1. Got 0.'],
    [
      { server: { drainDelay: '5 seconds' } },
      'server.drainDelay must be a duration such as 500ms, 30s or 1h30m. Got "5 seconds".',
    ],
    [{ tolerations: {} }, 'tolerations must be a list. Got {}.'],
    [{ affinity: [] }, 'affinity must be a map. Got [].'],
    [{ replicas: true }, 'replicas must be a number. Got true.'],
    [{ image: { repository: 'a', tag: 1.5 } }, 'image.tag must be a string. Got 1.5. Quote it, or use --set-string.'],
    [
      { image: { repository: 'reg.example.com:5000/a:b', tag: 'b' } },
      'image.repository must be an image without a tag; give image.tag. Got "reg.example.com:5000/a:b".',
    ],
    [{ name: 'Berth' }, 'name must be a DNS label: small letters, digits and -, a letter first. Got "Berth".'],
    [{ name: 'a'.repeat(58) }, `name must have at most 57 characters. Got "${'a'.repeat(58)}".`],
    [
      { server: { env: [{ name: 'DEBUG', value: 1 }] } },
      'server.env.0.value must be a string. Got 1. Quote it, or use --set-string.',
    ],
    [
      { server: { env: [{ name: 'DEBUG', value: true }] } },
      'server.env.0.value must be a string. Got true. Quote it, or use --set-string.',
    ],
    [{ ingress: { hosts: ['10.0.0.1'] } }, 'ingress.hosts.0 must be a host name and not an address. Got "10.0.0.1".'],
    [
      { ingress: { className: 'My Class' } },
      'ingress.className must be a DNS name: small letters, digits, - and dots. Got "My Class".',
    ],
    [
      { podLabels: { team: 'a b' } },
      'podLabels.team must be the value of a label: at most 63 letters, digits, -, _ and dots. Got "a b".',
    ],
    [
      { server: { sessionStore: 'redis:cache' } },
      'server.sessionStore must be memory or an address such as redis://host:6379 or rediss://host:6379. Got "redis:cache".',
    ],
    [
      { server: { peerIdentity: '/etc/key' } },
      'server.peerIdentity must be auto, or key: and the path of a file. Got "/etc/key".',
    ],
    [{ server: { maxParked: -1 } }, 'server.maxParked must be at least 0. Got -1.'],
    [{ server: { parkAfter: '1ms' } }, 'server.parkAfter must be at least 1s. Got "1ms".'],
    [{ server: { sessionStoreSecret: { name: 'a' } } }, 'server.sessionStoreSecret.key must be a string. Got nothing.'],
    [
      { server: { sessionStoreSecret: { name: 'a', key: 'b/c' } } },
      'server.sessionStoreSecret.key must be a key of a Secret: letters, digits, -, _ and dots. Got "b/c".',
    ],
    [
      { server: { sessionStoreSecret: { name: 'A', key: 'b' } } },
      'server.sessionStoreSecret.name must be a DNS name: small letters, digits, - and dots. Got "A".',
    ],
    [
      { server: { sessionStoreSecret: { name: 'a', kye: 'b', key: 'c' } } },
      'server.sessionStoreSecret.kye is not known. Did you mean key?',
    ],
    [{ server: { env: [{ value: 'a' }] } }, 'server.env.0.name must be a string. Got nothing.'],
    [{ server: { env: [{ name: 'A', valueFrom: 'b' }] } }, 'server.env.0.valueFrom must be a map. Got "b".'],
    [
      { podDisruptionBudget: { minAvailable: '101%' } },
      'podDisruptionBudget.minAvailable must be a number of pods or a share from 0% to 100%. Got "101%".',
    ],
    [
      { strategy: { rollingUpdate: { maxUnavailable: '150%' } } },
      'strategy.rollingUpdate.maxUnavailable must be a number of pods or a share from 0% to 100%. Got "150%".',
    ],
    [
      { probes: { startup: { failureThreshold: 2 ** 31 } } },
      'probes.startup.failureThreshold must be at most 2147483647. Got 2147483648.',
    ],
    [
      { podDisruptionBudget: { maxUnavailable: 'some' } },
      'podDisruptionBudget.maxUnavailable must be a number of pods or a share from 0% to 100%. Got "some".',
    ],
  ])('%j', (more, sentence) => {
    expect(problems(more)).toEqual([sentence]);
  });
});

test('what a later version brings is not called unknown', () => {
  expect(problems({ metrics: { dashboard: true } })).toEqual(['metrics is not available yet.']);
});

test('a setting that makes no sense in a pod says why', () => {
  const server = { workers: 4, host: '0.0.0.0', transport: 'stdio', peers: ['a'], peerPort: 8002 };
  expect(problems({ server })).toEqual([
    'server.workers is for one machine: in a cluster replicas stand in for workers. Give replicas.',
    'server.host is set by the image: a pod must listen on all its addresses.',
    'server.peers is not for values: pods find each other through the peer Service.',
    'server.peerPort is not for values: it is the same in every pod.',
    'server.transport is stdio, which nobody outside the pod could reach.',
  ]);
});

describe('keys that contradict each other say what would happen', () => {
  const scaled = (more: object) => ({ autoscaling: { enabled: true, ...more } });
  test.each<[Record<string, unknown>, string]>([
    [
      { workers: 3, replicas: 4 },
      'workers is 3 and replicas is 4, but they are two names of one number. Give one of them.',
    ],
    [
      { terminationGracePeriodSeconds: 30 },
      'terminationGracePeriodSeconds is 30 but the drain needs 85: calls would be cut.',
    ],
    [
      { terminationGracePeriodSeconds: 60, server: { drainDelay: '500ms', drainWindow: '0s', longestCall: '1m' } },
      'terminationGracePeriodSeconds is 60 but the drain needs 66: calls would be cut.',
    ],
    [
      { replicas: 3, ...scaled({}) },
      'replicas is 3 but autoscaling is enabled, and the two would fight over the number of pods. Give autoscaling.minReplicas instead.',
    ],
    [
      scaled({ minReplicas: 5, maxReplicas: 3 }),
      'autoscaling.minReplicas is 5 but autoscaling.maxReplicas is 3: there is no number of pods that is both.',
    ],
    [
      scaled({ targetUtilization: 95 }),
      'autoscaling.targetUtilization is 95, a target of 950 for pods that hold 1000 at most: the autoscaler ignores differences of a tenth, so it would never grow.',
    ],
    [
      { server: { maxConnections: 1 }, ...scaled({}) },
      'autoscaling.targetUtilization is 70, a target of 1 for pods that hold 1 at most: the autoscaler ignores differences of a tenth, so it would never grow.',
    ],
    [
      scaled({ behavior: { scaleDown: { stabilizationWindowSeconds: 7200 } } }),
      'autoscaling.behavior.scaleDown.stabilizationWindowSeconds must be at most 3600. Got 7200.',
    ],
    [
      { strategy: { rollingUpdate: { maxSurge: '0%' } } },
      'strategy.rollingUpdate.maxSurge is 0% and maxUnavailable is 0: no pod could ever be replaced.',
    ],
    [
      { podDisruptionBudget: { maxUnavailable: 0 } },
      'podDisruptionBudget.maxUnavailable is 0, which with 1 pod forbids every eviction: no node that runs one could be drained.',
    ],
    [
      { replicas: 3, podDisruptionBudget: { minAvailable: '70%' } },
      'podDisruptionBudget.minAvailable is 70%, which with 3 pods forbids every eviction: no node that runs one could be drained.',
    ],
    [
      { replicas: 5, podDisruptionBudget: { minAvailable: 1, maxUnavailable: 1 } },
      'podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are both given, but Kubernetes accepts only one of them.',
    ],
    [
      { autoscaling: { enabled: true, source: 'prometheus-adapter', metric: 'object' }, ...scraped },
      'autoscaling.metric is object, but prometheus-adapter serves only what each pod says. Give pods.',
    ],
    [
      { autoscaling: { enabled: true, source: 'keda', metric: 'object' }, namespace: 'mcp', ...scraped },
      'autoscaling.metric is object, which has no effect with the source keda: KEDA adds up the connections itself.',
    ],
    [
      { autoscaling: { enabled: true, source: 'keda' }, ...scraped },
      'namespace is not given, but KEDA finds the pods by the name and the namespace of their Service.',
    ],
    [
      { autoscaling: { enabled: true, source: 'keda' }, namespace: 'mcp' },
      'networkPolicy.adminNamespaces has no entry: KEDA could not reach the connections of the pods. Give the namespace that it runs in.',
    ],
    [
      { autoscaling: { enabled: true, source: 'prometheus-adapter' } },
      'networkPolicy.adminNamespaces has no entry: Prometheus could not reach the connections of the pods. Give the namespace that it runs in.',
    ],
    [
      { autoscaling: { enabled: true, source: 'prometheus-adapter', buffer: 20 }, ...scraped },
      'autoscaling.buffer is 20, but prometheus-adapter serves only what each pod says, which cannot keep slots free. Give autoscaling.source: operator.',
    ],
    [
      { autoscaling: { enabled: true, metric: 'pods', buffer: 20 } },
      'autoscaling.buffer is 20 but autoscaling.metric is pods, a mean that cannot keep slots free. Give autoscaling.metric: object.',
    ],
    [
      { autoscaling: { enabled: true, maxReplicas: 4, buffer: 100 }, server: { maxConnections: 25 } },
      'autoscaling.buffer is 100, but 4 pods have 100 slots: the fleet would always have as many pods as it may.',
    ],
    [{ autoscaling: { buffer: -1 } }, 'autoscaling.buffer must be at least 0. Got -1.'],
    [
      { server: { port: 9464 } },
      'server.adminPort is 9464, and so is server.port: only one of the two listeners could start.',
    ],
    [
      { server: { adminPort: 8001 } },
      'server.adminPort is 8001, the port that the pods of a fleet talk to each other on. Give another one.',
    ],
    [
      { service: { sessionAffinity: 'None', sessionAffinityTimeoutSeconds: 7200 } },
      'service.sessionAffinityTimeoutSeconds is 7200 but the session affinity is None, so it has no effect.',
    ],
    [
      { ingress: { enabled: true } },
      'ingress.hosts has no entry: the server would refuse every Host that comes through the Ingress.',
    ],
    [
      { httpRoute: { enabled: true, hostnames: ['a.example.com'] } },
      'httpRoute.parentRefs has no entry: the route would join no gateway.',
    ],
    [
      { image: { repository: 'localhost/berth' } },
      'image.tag is not given, and neither is image.digest: each node would run whatever "latest" it has.',
    ],
    [
      { podLabels: { 'app.kubernetes.io/instance': 'x' } },
      'podLabels has app.kubernetes.io/instance, which the charts set themselves: the Services could no longer find the pods.',
    ],
    [
      { server: { env: [{ name: 'BERTH_DRAIN_DELAY', value: '60s' }] } },
      'server.env.0 sets BERTH_DRAIN_DELAY, which the charts would not know of. Give server.drainDelay instead.',
    ],
    [
      { server: { env: [{ name: 'BERTH_SESSION_STORE', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }] } },
      'server.env.0 sets BERTH_SESSION_STORE, which the charts would not know of. Give server.sessionStoreSecret instead.',
    ],
    [
      { server: { env: [{ name: 'BERTH_PEER_PORT', value: '8002' }] } },
      'server.env.0 sets BERTH_PEER_PORT, which is not for values: it is the same in every pod.',
    ],
    [
      { server: { env: [{ name: 'POD_IP', value: '10.0.0.1' }] } },
      'server.env.0 sets POD_IP, which the charts set to the pod’s address.',
    ],
    [
      { server: { env: [{ name: 'POD_TEMPLATE_HASH', value: 'a' }] } },
      'server.env.0 sets POD_TEMPLATE_HASH, which the charts set to the hash of the pod’s template.',
    ],
    [
      { server: { sessionStore: 'redis://cache', sessionStoreSecret: { name: 'a', key: 'b' } } },
      'server.sessionStoreSecret and server.sessionStore are both given, but sessions are kept in one place. Give one of them.',
    ],
    [
      { server: { sessionStore: 'rediss://:secret@cache' } },
      'server.sessionStore holds a password, which everybody who may see the Deployment could read. Keep the address in a Secret and name that in server.sessionStoreSecret.',
    ],
    [
      { server: { volumes: [{ name: 'berth-identity', emptyDir: {} }] } },
      'server.volumes.0.name is berth-identity, the name of the volume with the tokens that pods know each other by.',
    ],
    ...['/var/run/secrets/berth', '/var/run/secrets//berth/', '/run/secrets/berth/extra'].map(
      (mountPath): [Record<string, unknown>, string] => [
        { server: { volumes: [{ name: 'v' }], volumeMounts: [{ name: 'v', mountPath }] } },
        `server.volumeMounts.0.mountPath is ${mountPath}, where the tokens are mounted that pods know each other by.`,
      ],
    ),
    [
      { extraContainers: [{ name: 'berth' }] },
      'extraContainers.0.name is berth, the name of a container that the charts make themselves.',
    ],
    [
      { extraContainers: [{ name: 'a' }, { name: 'a' }] },
      'extraContainers.1.name is a, the name of another container of the pod.',
    ],
    [
      {
        server: {
          volumes: [{ name: 'v' }],
          volumeMounts: [
            { name: 'v', mountPath: '/a' },
            { name: 'v', mountPath: '/a' },
          ],
        },
      },
      'server.volumeMounts.1.mountPath is /a, where another volume is mounted.',
    ],
    [
      { server: { volumeMounts: [{ name: 'v', mountPath: '/a' }] } },
      'server.volumeMounts.0.name is v, but server.volumes has no volume of that name.',
    ],
    [
      { server: { allowedHosts: ['a.example.com,b.example.com'] } },
      'server.allowedHosts.0 must be one name, without commas and blanks. Got "a.example.com,b.example.com".',
    ],
    [
      { serviceAccount: { create: false, annotations: { a: 'b' } } },
      'serviceAccount.annotations is given but serviceAccount.create is false, so there is no object to put it on.',
    ],
    [
      { extraObjects: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'berth-peers' } }] },
      'extraObjects.0 is a second Service berth-peers: one of the two would be lost.',
    ],
    [
      { extraObjects: [{ kind: 'Service' }] },
      'extraObjects.0 must have apiVersion, kind and metadata.name, as every Kubernetes object has.',
    ],
  ])('%j', (more, sentence) => {
    expect(problems(more)).toEqual([sentence]);
  });
});

test('the same number under both names is no conflict, and a long enough grace period no mistake', () => {
  expect(problems({ workers: 3, replicas: 3, terminationGracePeriodSeconds: 85 })).toEqual([]);
});

test('what an autoscaler would go by matters only when there is one, and the admin port only when it is closed', () => {
  const unused = { source: 'prometheus-adapter', metric: 'object', buffer: 20_000 };
  expect(problems({ autoscaling: unused })).toEqual([]);
  expect(
    problems({
      autoscaling: { enabled: true, source: 'keda', buffer: 20 },
      namespace: 'mcp',
      networkPolicy: { enabled: false },
    }),
  ).toEqual([]);
  expect(problems({ autoscaling: { enabled: true, buffer: 20 } })).toEqual([]);
});

test('an address without a password may stand in the values, and memory beside a Secret', () => {
  expect(problems({ server: { sessionStore: 'redis://someone@cache:6379/1' } })).toEqual([]);
  expect(problems({ server: { sessionStore: 'memory', sessionStoreSecret: { name: 'a', key: 'b' } } })).toEqual([]);
});

test('what only tokens need is free where pods share a key, and so is a path beside them', () => {
  const mounted = (name: string, mountPath: string) => ({ volumes: [{ name }], volumeMounts: [{ name, mountPath }] });
  const key = { peerIdentity: 'key:/run/secrets/berth/key' };
  expect(problems({ server: { ...key, ...mounted('berth-identity', '/run/secrets/berth') } })).toEqual([]);
  expect(problems({ server: mounted('v', '/var/run/secrets/berth-other') })).toEqual([]);
});

test('extra objects of the same kind and name in different namespaces or groups are not the same object', () => {
  const object = (apiVersion: string, namespace: string) => ({
    apiVersion,
    kind: 'Service',
    metadata: { name: 'x', namespace },
  });
  expect(
    problems({ extraObjects: [object('v1', 'a'), object('v1', 'b'), object('serving.example.com/v1', 'a')] }),
  ).toEqual([]);
});

test('all problems come at once, and none that another one only caused', () => {
  expect(
    problems({
      replica: 2,
      server: { maxConnections: 0, drainDelay: 'soon', stateless: true },
      service: { port: 70000 },
      workers: 3,
      replicas: 4,
      terminationGracePeriodSeconds: 30,
    }),
  ).toEqual([
    'server.maxConnections must be at least 1. Got 0.',
    'server.drainDelay must be a duration such as 500ms, 30s or 1h30m. Got "soon".',
    'service.port must be at most 65535. Got 70000.',
    'replica is not known. Did you mean replicas?',
    'workers is 3 and replicas is 4, but they are two names of one number. Give one of them.',
  ]);
});

test('null in values means that the default holds', () => {
  expect(validateValues(minimal({ replicas: null, service: { port: null }, strategy: null }))).toEqual(
    validateValues(minimal()),
  );
});

test('what is not a map of values is an error', () => {
  expect(() => validateValues([])).toThrow('The values must be a map. Got [].');
  expect(() => validateValues({})).toThrow('name must be a string. Got nothing.');
});
