import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { synthesize } from '../../charts/synthesize.ts';
import { loadValues } from '../../src/values/load.ts';
import { type Found, parseManifest } from './rendered.ts';

/** Compares with the committed manifest, which `vitest -u` writes anew, and returns its objects. */
async function committed(name: string, files = [`examples/values/${name}.yaml`]): Promise<Found[]> {
  const { yaml } = synthesize(loadValues({ files }));
  await expect(yaml).toMatchFileSnapshot(`../../manifests/${name}.yaml`);
  return parseManifest(readFileSync(`manifests/${name}.yaml`, 'utf8'));
}
const byKind = (objects: Found[], kind: string): Found => objects.find((object) => object.kind === kind);

test('a name and an image give one pod that is reached, protected and ended properly', async () => {
  const objects = await committed('minimal');
  expect(objects.map(({ kind }) => kind)).toEqual([
    'NetworkPolicy',
    'ServiceAccount',
    'Service',
    'Service',
    'Deployment',
    'PodDisruptionBudget',
  ]);
});

test('the production example has every object', async () => {
  const objects = await committed('production');
  expect(new Set(objects.map(({ kind }) => kind))).toEqual(
    new Set([
      'NetworkPolicy',
      'ServiceAccount',
      'Service',
      'Deployment',
      'PodDisruptionBudget',
      'HorizontalPodAutoscaler',
      'Ingress',
      'HTTPRoute',
      'ConfigMap',
    ]),
  );
  expect(byKind(objects, 'Deployment').spec).not.toHaveProperty('replicas');
});

test('four workers become four pods, each with the cap that a worker had', async () => {
  const { spec } = byKind(await committed('workers-to-replicas'), 'Deployment');
  expect(spec.replicas).toBe(4);
  expect(spec.template.spec.containers[0].args).toContain('--max-connections=250');
});

test('the example from npm is a command in berth’s container', async () => {
  const { spec } = byKind(await committed('everything', ['examples/everything/values.yaml']), 'Deployment');
  const [container] = spec.template.spec.containers;
  expect(container.args.slice(container.args.indexOf('--') + 1)).toEqual(['node', expect.stringMatching(/index.js$/)]);
  expect(spec.template.spec.shareProcessNamespace).toBe(true);
});

test('the same from an image without berth has it copied there first', async () => {
  const files = ['examples/everything/values.yaml', 'examples/everything/added.yaml'];
  const { initContainers, containers } = byKind(await committed('everything-added', files), 'Deployment').spec.template
    .spec;
  expect(initContainers.map(({ name }: Found) => name)).toEqual(['berth-install']);
  expect(containers[0].image).toBe('registry.example.com/everything-alone:2026.8.31');
});

test('the example in Python is a sidecar', async () => {
  const { initContainers } = byKind(await committed('python', ['examples/python/values.yaml']), 'Deployment').spec
    .template.spec;
  expect(initContainers.map(({ restartPolicy }: Found) => restartPolicy)).toEqual(['Always']);
});

test('the example in a ConfigMap is mounted where it is served from', async () => {
  const { spec } = byKind(await committed('configmap', ['examples/configmap/values.yaml']), 'Deployment').spec.template;
  const [container] = spec.containers;
  expect(container.volumeMounts).toContainEqual({ name: 'server', mountPath: '/server', readOnly: true });
  expect(container.args[1]).toBe('/server/server.mjs');
});
