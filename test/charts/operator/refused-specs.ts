import type { Tree } from '../../../src/values/tree.ts';

const image = { repository: 'registry.example.com/notes', tag: '1.4.2' };
const spec = (more: Tree): Tree => ({ image, ...more });
const scaled = (autoscaling: Tree, more: Tree = {}) =>
  spec({ autoscaling: { enabled: true, ...autoscaling }, ...more });
const keda = (more: Tree) => scaled({ source: 'keda', ...more }, { networkPolicy: { adminNamespaces: ['keda'] } });
const adapter = (more: Tree) =>
  scaled({ source: 'prometheus-adapter', ...more }, { networkPolicy: { adminNamespaces: ['monitoring'] } });
const commanded = (server: Tree, more: Tree = {}) =>
  spec({ server: { command: ['notes'], maxConnections: 5, ...server }, ...more });
const sidecar = { image, port: 9000 };
const besides = (of: Tree, more: Tree = {}) => spec({ sidecar: { ...sidecar, ...of }, ...more });
const upstream = 'http://notes.default.svc/mcp';
const label = (name: string) => spec({ podLabels: { [`app.kubernetes.io/${name}`]: 'x' } });

/** Specs that an API server must refuse, each for one rule: the key that is wrong, and the sentence about it. */
export const refusedSpecs: readonly (readonly [path: string, sentence: string, spec: Tree])[] = [
  [
    'image.repository',
    'must be an image without a tag; give image.tag.',
    spec({ image: { repository: 'a:b', tag: 'b' } }),
  ],
  [
    'image.tag',
    'is not given, and neither is image.digest: each node would run whatever "latest" it has.',
    { image: { repository: 'a' } },
  ],
  [
    'server.commandImage.repository',
    'must be an image without a tag; give image.tag.',
    commanded({ commandImage: { repository: 'a:b', tag: 'b' } }),
  ],
  [
    'server.commandImage.tag',
    'is not given, and neither is server.commandImage.digest: each node would run whatever "latest" it has.',
    commanded({ commandImage: { repository: 'a' } }),
  ],
  [
    'sidecar.image.repository',
    'must be an image without a tag; give image.tag.',
    besides({ image: { repository: 'a:b', tag: 'b' } }),
  ],
  [
    'sidecar.image.tag',
    'is not given, and neither is sidecar.image.digest: each node would run whatever "latest" it has.',
    besides({ image: { repository: 'a' } }),
  ],
  ...(
    [
      ['server.command', 'server.source', { source: 'a', command: ['b'], maxConnections: 5 }, {}],
      ['server.upstream', 'server.source', { source: 'a', upstream }, {}],
      ['server.upstream', 'server.command', { command: ['b'], maxConnections: 5, upstream }, {}],
      ['sidecar', 'server.source', { source: 'a' }, { sidecar }],
      ['sidecar', 'server.command', { command: ['b'], maxConnections: 5 }, { sidecar }],
      ['sidecar', 'server.upstream', { upstream }, { sidecar }],
    ] as const
  ).map(
    ([path, other, server, more]) =>
      [
        path,
        `and ${other} are both given, but a fleet serves one server. Give one of them.`,
        spec({ server, ...more }),
      ] as const,
  ),
  ...(['commandImage', 'scratchSize'] as const).map(
    (key) =>
      [
        `server.${key}`,
        'is given, but there is no server.command that it would be for.',
        spec({ server: { [key]: key === 'scratchSize' ? '1GiB' : image } }),
      ] as const,
  ),
  [
    'server.maxConnections',
    'is not given, but each session of a command is a process of its own, and every pod would ask for memory for 1000 of them. Give it, or resources.',
    spec({ server: { command: ['notes'] } }),
  ],
  [
    'sidecar.port',
    'is 8000, and so is server.port: the containers of a pod share its ports. Give another one.',
    besides({ port: 8000 }),
  ],
  [
    'sidecar.port',
    'is 9000, and so is server.adminPort: the containers of a pod share its ports. Give another one.',
    besides({ port: 9000 }, { server: { adminPort: 9000 } }),
  ],
  [
    'sidecar.port',
    'is 8001, the port that the pods of a fleet talk to each other on: the containers of a pod share its ports. Give another one.',
    besides({ port: 8001 }),
  ],
  [
    'terminationGracePeriodSeconds',
    'is 89 but the drain needs 90: calls would be cut.',
    commanded({}, { terminationGracePeriodSeconds: 89 }),
  ],
  [
    'terminationGracePeriodSeconds',
    'is 30 but the drain needs 85: calls would be cut.',
    spec({ terminationGracePeriodSeconds: 30 }),
  ],
  [
    'terminationGracePeriodSeconds',
    'is 3600 but the drain needs 3622: calls would be cut.',
    spec({
      terminationGracePeriodSeconds: 3600,
      server: { longestCall: '1h', drainDelay: '1s500ms', drainWindow: '15s1ms' },
    }),
  ],
  [
    'strategy.rollingUpdate.maxSurge',
    'is 0% and maxUnavailable is 0: no pod could ever be replaced.',
    spec({ strategy: { rollingUpdate: { maxSurge: '0%' } } }),
  ],
  [
    'podDisruptionBudget.minAvailable',
    'and podDisruptionBudget.maxUnavailable are both given, but Kubernetes accepts only one of them.',
    spec({ replicas: 5, podDisruptionBudget: { minAvailable: 1, maxUnavailable: '20%' } }),
  ],
  [
    'serviceAccount.annotations',
    'is given but serviceAccount.create is false, so there is no object to put it on.',
    spec({ serviceAccount: { create: false, annotations: { a: 'b' } } }),
  ],
  ...['name', 'instance', 'managed-by', 'version'].map(
    (name) =>
      [
        'podLabels',
        `has app.kubernetes.io/${name}, which the charts set themselves: the Services could no longer find the pods.`,
        label(name),
      ] as const,
  ),
  [
    'server.adminPort',
    'is 8000, and so is server.port: only one of the two listeners could start.',
    spec({ server: { adminPort: 8000 } }),
  ],
  ...['port', 'adminPort'].map(
    (key) =>
      [
        `server.${key}`,
        'is 8001, the port that the pods of a fleet talk to each other on. Give another one.',
        spec({ server: { [key]: 8001 } }),
      ] as const,
  ),
  ['server.transport', 'is stdio, which nobody outside the pod could reach.', spec({ server: { transport: 'stdio' } })],
  [
    'server.sessionStoreSecret',
    'and server.sessionStore are both given, but sessions are kept in one place. Give one of them.',
    spec({ server: { sessionStore: 'redis://cache', sessionStoreSecret: { name: 'a', key: 'b' } } }),
  ],
  [
    'server.sessionStore',
    'holds a password, which everybody who may see the Deployment could read. Keep the address in a Secret and name that in server.sessionStoreSecret.',
    spec({ server: { sessionStore: 'rediss://:secret@cache:6379' } }),
  ],
  [
    'replicas',
    'is 3 but autoscaling is enabled, and the two would fight over the number of pods. Give autoscaling.minReplicas instead.',
    scaled({}, { replicas: 3 }),
  ],
  [
    'autoscaling.minReplicas',
    'is 11 but autoscaling.maxReplicas is 10: there is no number of pods that is both.',
    scaled({ minReplicas: 11 }),
  ],
  [
    'autoscaling.targetUtilization',
    'is 95, a target of 950 for pods that hold 1000 at most: the autoscaler ignores differences of a tenth, so it would never grow.',
    scaled({ targetUtilization: 95 }),
  ],
  [
    'autoscaling.metric',
    'is object, but prometheus-adapter serves only what each pod says. Give pods.',
    adapter({ metric: 'object' }),
  ],
  [
    'autoscaling.metric',
    'is pods, which has no effect with the source keda: KEDA adds up the connections itself.',
    keda({ metric: 'pods' }),
  ],
  [
    'autoscaling.buffer',
    'is 20, but prometheus-adapter serves only what each pod says, which cannot keep slots free. Give autoscaling.source: operator.',
    adapter({ buffer: 20 }),
  ],
  [
    'autoscaling.buffer',
    'is 20 but autoscaling.metric is pods, a mean that cannot keep slots free. Give autoscaling.metric: object.',
    scaled({ buffer: 20, metric: 'pods' }),
  ],
  [
    'autoscaling.buffer',
    'is 1000, but 1 pod has 1000 slots: the fleet would always have as many pods as it may.',
    scaled({ buffer: 1000, maxReplicas: 1 }),
  ],
  [
    'networkPolicy.adminNamespaces',
    'has no entry: KEDA could not reach the connections of the pods. Give the namespace that it runs in.',
    scaled({ source: 'keda' }),
  ],
  [
    'networkPolicy.adminNamespaces',
    'has no entry: Prometheus could not reach the connections of the pods. Give the namespace that it runs in.',
    scaled({ source: 'prometheus-adapter' }),
  ],
  [
    'service.sessionAffinityTimeoutSeconds',
    'is 7200 but the session affinity is None, so it has no effect.',
    spec({ service: { sessionAffinityTimeoutSeconds: 7200 }, ingress: { enabled: true, hosts: ['a.example.com'] } }),
  ],
  [
    'ingress.hosts',
    'has no entry: the server would refuse every Host that comes through the Ingress.',
    spec({ ingress: { enabled: true } }),
  ],
  [
    'httpRoute.parentRefs',
    'has no entry: the route would join no gateway.',
    spec({ httpRoute: { enabled: true, hostnames: ['a.example.com'] } }),
  ],
  [
    'httpRoute.hostnames',
    'has no entry: the server would refuse every Host that comes through the route.',
    spec({ httpRoute: { enabled: true, parentRefs: [{ name: 'public' }] } }),
  ],
];

/** Specs that are near to those and must be taken. */
export const acceptedSpecs: readonly Tree[] = [
  spec({}),
  spec({ replicas: 0 }),
  spec({ replicas: 3, autoscaling: { enabled: false, minReplicas: 20, buffer: 5, metric: 'pods' } }),
  spec({ image: { repository: 'reg.example.com:5000/a/b', digest: `sha256:${'0'.repeat(64)}` } }),
  spec({ terminationGracePeriodSeconds: 85 }),
  spec({ strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 0 } } }),
  spec({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '1%' } } }),
  spec({ server: { sessionStore: 'redis://someone@cache:6379/1' } }),
  spec({ server: { sessionStore: 'memory', sessionStoreSecret: { name: 'a', key: 'b' } } }),
  spec({ server: { port: 9464, adminPort: 8000 } }),
  spec({ podLabels: { team: 'a', 'app.kubernetes.io/part-of': 'b' } }),
  spec({ service: { sessionAffinityTimeoutSeconds: 7200 } }),
  scaled({}),
  scaled({ buffer: 999, maxReplicas: 1 }),
  scaled({ buffer: 20, metric: 'object' }),
  scaled({ targetUtilization: 100, behavior: { scaleUp: { tolerance: '0' } } }),
  keda({ buffer: 20 }),
  adapter({ metric: 'pods' }),
  scaled({ source: 'keda' }, { networkPolicy: { enabled: false } }),
  commanded({}),
  commanded({ commandImage: image, scratchSize: '1GiB' }, { terminationGracePeriodSeconds: 90 }),
  spec({ server: { command: ['notes'], share: true } }),
  spec({ server: { command: ['notes', '--all', ''] }, resources: { limits: { memory: '2Gi' } } }),
  spec({ server: { upstream } }),
  besides({}, { terminationGracePeriodSeconds: 90 }),
  besides({ port: 8002, path: '/', securityContext: { runAsUser: 7 }, startupProbe: {} }),
  spec({ affinity: { nodeAffinity: { any: { thing: [1, 'a'] } } }, tolerations: [{ key: 'a', operator: 'Exists' }] }),
];
