import { expect, test } from 'vitest';
import { synthesize } from '../../charts/synthesize.ts';
import { valuesJsonSchema } from '../../src/values/json-schema.ts';
import { merge } from '../../src/values/merge.ts';
import { isTree, type Tree } from '../../src/values/tree.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from '../values/minimal.ts';

/** A change of one key, and what must hold around it for the key to mean anything. */
interface Change {
  readonly to: unknown;
  readonly within?: Tree;
}

const scaled = { autoscaling: { enabled: true } };
const scraped = { networkPolicy: { adminNamespaces: ['monitoring'] } };
const ingress = { ingress: { enabled: true, hosts: ['a.example.com'] } };
const httpRoute = { httpRoute: { enabled: true, parentRefs: [{ name: 'public' }], hostnames: ['a.example.com'] } };
const stored = { server: { sessionStoreSecret: { name: 'store', key: 'url' } } };
const named = { name: 'extra', image: 'extra' };
const commanded = { server: { command: ['notes'], maxConnections: 5 } };
const elsewhere = { server: { upstream: 'http://127.0.0.1:9000/mcp' } };
const image = { repository: 'notes', tag: 'v1' };
const besides = { sidecar: { image, port: 9000 } };
const DIGEST = `sha256:${'0'.repeat(64)}`;
const inCommandImage = merge(commanded, { server: { commandImage: image } });
const volumes = { server: { volumes: [{ name: 'other' }] } };

/** What cannot be guessed from the type of a key. */
const CHANGES: Readonly<Record<string, Change>> = {
  name: { to: 'other' },
  'image.digest': { to: DIGEST },
  'image.repository': { to: 'other' },
  'server.transport': { to: 'streamable-http' },
  'server.maxConnections': { to: 5 },
  'server.upstream': { to: 'http://127.0.0.1:9000/mcp' },
  'server.command': { to: ['notes'], within: { server: { maxConnections: 5 } } },
  'server.commandImage.repository': { to: 'other', within: inCommandImage },
  'server.commandImage.tag': { to: 'other', within: inCommandImage },
  'server.commandImage.digest': { to: DIGEST, within: inCommandImage },
  'server.commandImage.pullPolicy': { to: 'Always', within: inCommandImage },
  'server.scratchSize': { to: '1GiB', within: commanded },
  'server.sessions': { to: 'parkable', within: elsewhere },
  'server.maxMessage': { to: '1MiB', within: elsewhere },
  'server.share': { to: true, within: commanded },
  'server.warmChildren': { to: 3, within: commanded },
  'server.startTimeout': { to: '7s', within: commanded },
  'server.silenceTimeout': { to: '7s', within: commanded },
  'server.childMemory': { to: '512MiB', within: commanded },
  'server.childProcesses': { to: 7, within: commanded },
  'server.passEnvironment': { to: ['OTHER'], within: commanded },
  'sidecar.image.digest': { to: DIGEST, within: besides },
  'sidecar.path': { to: '/other', within: besides },
  'sidecar.volumeMounts': { to: [{ name: 'other', mountPath: '/a' }], within: merge(besides, volumes) },
  'autoscaling.enabled': { to: true },
  'autoscaling.source': { to: 'keda', within: { ...scaled, namespace: 'mcp', ...scraped } },
  'autoscaling.metric': { to: 'object', within: scaled },
  'autoscaling.buffer': { to: 20, within: scaled },
  'autoscaling.minReplicas': { to: 2, within: scaled },
  'autoscaling.maxReplicas': { to: 20, within: scaled },
  'autoscaling.targetUtilization': { to: 50, within: scaled },
  'autoscaling.behavior.scaleUp': { to: { selectPolicy: 'Disabled' }, within: scaled },
  'autoscaling.behavior.scaleDown': { to: { selectPolicy: 'Disabled' }, within: scaled },
  'server.sessionStore': { to: 'redis://cache:6379' },
  'server.peerIdentity': { to: 'key:/etc/berth/key' },
  'server.sessionStoreSecret.name': { to: 'other', within: stored },
  'server.sessionStoreSecret.key': { to: 'other', within: stored },
  'server.volumeMounts': {
    to: [{ name: 'other', mountPath: '/a' }],
    within: { server: { volumes: [{ name: 'other' }] } },
  },
  'service.sessionAffinity': { to: 'None' },
  'service.sessionAffinityTimeoutSeconds': { to: 20_000 },
  'ingress.enabled': { to: true, within: { ingress: { hosts: ['a.example.com'] } } },
  'ingress.className': { to: 'other', within: ingress },
  'ingress.hosts': { to: ['b.example.com'], within: ingress },
  'ingress.tls': { to: [{ secretName: 'other' }], within: ingress },
  'ingress.annotations': { to: { a: 'b' }, within: ingress },
  'httpRoute.enabled': {
    to: true,
    within: { httpRoute: { parentRefs: [{ name: 'public' }], hostnames: ['a.example.com'] } },
  },
  'httpRoute.parentRefs': { to: [{ name: 'other' }], within: httpRoute },
  'httpRoute.hostnames': { to: ['b.example.com'], within: httpRoute },
  'httpRoute.annotations': { to: { a: 'b' }, within: httpRoute },
  'strategy.rollingUpdate.maxSurge': { to: 2 },
  'strategy.rollingUpdate.maxUnavailable': { to: 1 },
  terminationGracePeriodSeconds: { to: 600 },
  'podDisruptionBudget.maxUnavailable': { to: 2 },
  'podDisruptionBudget.minAvailable': { to: 1, within: { replicas: 2 } },
  'networkPolicy.egress': { to: [{ to: [] }] },
  extraContainers: { to: [named] },
  extraObjects: { to: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'extra' } }] },
};

interface Leaf {
  readonly path: string;
  readonly schema: Tree;
}

function leaves(schema: unknown, path = ''): Leaf[] {
  if (!isTree(schema) || !isTree(schema['properties'])) return [{ path, schema: schema as Tree }];
  return Object.entries(schema['properties']).flatMap(([key, child]) =>
    leaves(child, path === '' ? key : `${path}.${key}`),
  );
}

/** Any value that is allowed and is not the default. */
function other({ type, enum: choices, default: fallback, pattern, maximum }: Tree): unknown {
  if (Array.isArray(choices)) return choices.find((choice) => choice !== fallback);
  if (type === 'boolean') return fallback !== true;
  if (type === 'integer') return Math.min(Number(fallback ?? 1) + 11, Number(maximum ?? 100_000));
  if (type === 'object') return { a: 'b' };
  if (type === 'array') return [{ name: 'other' }];
  if (String(pattern).includes('ms|s|m|h')) return '7s';
  if (String(pattern).includes('KiB')) return '128KiB';
  return 'other';
}

const treeOf = (path: string, value: unknown): Tree =>
  path.split('.').reduceRight<unknown>((child, key) => ({ [key]: child }), value) as Tree;
const yaml = (tree: Tree) => synthesize(validateValues(tree)).yaml;

const all = leaves(valuesJsonSchema());

test.each(all.map(({ path, schema }) => [path, schema] as const))('%s changes what is written', (path, schema) => {
  const isTextList = isTree(schema['items']) && schema['items']['type'] === 'string';
  const change: Change = CHANGES[path] ?? { to: isTextList ? ['other'] : other(schema) };
  const { to, within = path.startsWith('sidecar.') ? besides : {} } = change;
  const before = merge(minimal(), within);
  expect(yaml(merge(before, treeOf(path, to)))).not.toBe(yaml(before));
});

test('the changes above are of keys that there are', () => {
  const paths = all.map(({ path }) => path);
  expect(Object.keys(CHANGES).filter((path) => !paths.includes(path))).toEqual([]);
  expect(paths.length).toBeGreaterThan(70);
});
