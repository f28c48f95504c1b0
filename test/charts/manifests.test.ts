import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { synthesize } from '../../charts/synthesize.ts';
import { loadValues } from '../../src/values/load.ts';
import { type Found, parseManifest } from './rendered.ts';

/** Compares with the committed manifest, which `vitest -u` writes anew, and returns its objects. */
async function committed(name: string): Promise<Found[]> {
  const { yaml } = synthesize(loadValues({ files: [`examples/values/${name}.yaml`] }));
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
