import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { manifestYaml } from '../../../charts/manifest-yaml.ts';
import { fleetDefinition } from '../../../charts/operator/fleet-definition.ts';
import { valuesOf } from '../../../charts/operator/values-of.ts';
import { valuesJsonSchema } from '../../../src/values/json-schema.ts';
import { isTree, type Tree } from '../../../src/values/tree.ts';
import { validateValues } from '../../../src/values/validate.ts';
import { type Found, parseManifest } from '../rendered.ts';
import { schemaProblems } from './schema-problems.ts';

const definition: Found = fleetDefinition();
const [version] = definition.spec.versions;
const schema: Tree = version.schema.openAPIV3Schema;

/** Every schema within a schema, with its path. */
function nodes(node: Tree, path = ''): [string, Tree][] {
  const { properties, items, additionalProperties } = node;
  const children = isTree(properties) ? Object.entries(properties) : [];
  const inner = [...children, ['*', items], ['*', additionalProperties]].filter((entry): entry is [string, Tree] =>
    isTree(entry[1]),
  );
  return [[path, node], ...inner.flatMap(([key, child]) => nodes(child, path === '' ? key : `${path}.${key}`))];
}

/** The schema of a key, by its path. */
const at = (path: string): Found => path.split('.').reduce<Found>((node, key) => node.properties[key], schema);

test('manifests/crds.yaml is the definition', async () => {
  await expect(manifestYaml([definition])).toMatchFileSnapshot('../../../manifests/crds.yaml');
  expect(parseManifest(readFileSync('manifests/crds.yaml', 'utf8'))).toEqual([definition]);
});

test('the spec has every key of the values but those that the resource itself says', () => {
  const { properties } = valuesJsonSchema() as { properties: object };
  const spec: Found = schema['properties'];
  const missing = Object.keys(properties).filter((key) => !(key in spec.spec.properties));
  expect(missing).toEqual(['name', 'namespace', 'workers', 'extraObjects']);
  expect(spec.spec.required).toEqual(['image']);
});

describe('the schema is what an API server takes', () => {
  test('every node has a type and only words that Kubernetes knows', () => {
    expect(nodes(schema).length).toBeGreaterThan(100);
    for (const [path, node] of nodes(schema)) {
      expect(node['type'] ?? node['x-kubernetes-int-or-string'], path).toBeDefined();
      for (const key of ['default', 'anyOf', 'oneOf', 'allOf', 'not', 'exclusiveMinimum', 'exclusiveMaximum', '$ref']) {
        expect(node, path).not.toHaveProperty(key);
      }
      expect(node['additionalProperties'], path).not.toBe(false);
      // Go's regular expressions have no lookaround and no references.
      expect(String(node['pattern'] ?? ''), path).not.toMatch(/\(\?[=!<]|\\[1-9]/);
    }
  });

  test('what passes through as it is keeps its keys', () => {
    const raw = nodes(schema).filter(([, node]) => node['x-kubernetes-preserve-unknown-fields'] === true);
    const paths = raw.map(([path]) => path);
    expect(paths).toContain('spec.affinity');
    expect(paths).toContain('spec.tolerations.*');
    expect(paths).toContain('spec.autoscaling.behavior.scaleDown');
    expect(raw.every(([, node]) => node['type'] === 'object' && !('properties' in node))).toBe(true);
  });

  test('a number of pods or a share of them is one of the two', () => {
    const maxSurge = at('spec.strategy.rollingUpdate.maxSurge');
    expect(maxSurge).toMatchObject({ 'x-kubernetes-int-or-string': true, minimum: 0, pattern: '^\\d{1,7}%$' });
    expect(maxSurge).not.toHaveProperty('type');
  });

  test('a default is told and not written', () => {
    expect(at('spec.autoscaling.minReplicas').description).toBe('pods to keep at least; 1 if not set');
  });
});

test('kubectl scale reads and writes what the operator does, and kubectl get shows what it found', () => {
  const { scale } = version.subresources;
  expect(at(scale.specReplicasPath.slice(1))).toMatchObject({ type: 'integer' });
  expect(at(scale.statusReplicasPath.slice(1))).toMatchObject({ type: 'integer' });
  expect(at(scale.labelSelectorPath.slice(1))).toMatchObject({ type: 'string' });
  const columns: Found[] = version.additionalPrinterColumns;
  expect(columns.map(({ name }) => name)).toEqual(['Ready', 'Replicas', 'Connections', 'Capacity', 'Available', 'Age']);
  for (const { jsonPath, type } of columns.filter(({ type }) => type === 'integer')) {
    expect(at(jsonPath.slice(1))).toMatchObject({ type });
  }
});

test('the example is a resource that the schema and the values take', () => {
  const [example] = parseManifest(readFileSync('examples/fleets/notes.yaml', 'utf8'));
  expect(schemaProblems(schema, example)).toEqual([]);
  expect(validateValues(valuesOf(example))).toMatchObject({ name: 'notes', autoscaling: { buffer: 40 } });
  expect(schemaProblems(schema, { ...example, spec: { ...example.spec, workers: 2, replicas: '3' } })).toEqual([
    'spec.workers is not known',
    'spec.replicas is no integer',
  ]);
});
