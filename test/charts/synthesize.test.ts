import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { render } from '../../charts/render.ts';
import { synthesize } from '../../charts/synthesize.ts';
import { loadValues } from '../../src/values/load.ts';
import { validateValues } from '../../src/values/validate.ts';
import { minimal } from '../values/minimal.ts';
import { parseManifest } from './rendered.ts';

/** Every value that is neither a map nor a list, with its path. */
function leaves(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, child]) => leaves(child, `${path}/${key}`));
}

describe('every leaf that render() makes is in the YAML, and no other', () => {
  const examples = [
    ...['minimal', 'production', 'workers-to-replicas'].map((name) => [`examples/values/${name}.yaml`]),
    ...['everything', 'python', 'configmap'].map((name) => [`examples/${name}/values.yaml`]),
    ['examples/everything/values.yaml', 'examples/everything/added.yaml'],
  ];
  test.each(examples)('%s %s', (...files) => {
    const values = loadValues({ files: files.filter((file) => file !== undefined) });
    const written = parseManifest(synthesize(values).yaml);
    expect(new Map(leaves(written))).toEqual(new Map(leaves(render(values))));
  });
});

test('text comes out of the YAML as it went in, whatever it looks like', () => {
  const tricky = fc.constantFrom(
    'on',
    'no',
    'y',
    '0755',
    '0o7',
    '1:30',
    '1e3',
    '.5',
    '~',
    'null',
    '2001-01-01',
    '',
    ' ',
  );
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.oneof(tricky, fc.string())), (data) => {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'extra' }, data };
      const written = parseManifest(synthesize(validateValues(minimal({ extraObjects: [object] }))).yaml);
      expect(new Map(leaves(written.at(-1)))).toEqual(new Map(leaves(object)));
    }),
    { numRuns: 50 },
  );
});

test('the same values give the same bytes, in whatever order their keys were written', () => {
  const values = minimal({ podLabels: { a: '1', b: '2' }, replicas: 3 });
  const turned = Object.fromEntries(Object.entries(values).reverse());
  const first = synthesize(validateValues(values));
  expect(synthesize(validateValues(values))).toEqual(first);
  expect(synthesize(validateValues(turned))).toEqual(first);
});

test('the file is named for the fleet, and names carry no hash', () => {
  const { fileName, yaml } = synthesize(validateValues(minimal({ name: 'notes' })));
  expect(fileName).toBe('notes.k8s.yaml');
  expect([...new Set(parseManifest(yaml).map((object) => object.metadata.name))]).toEqual(['notes', 'notes-peers']);
});

test('a fleet may have the name of what every JavaScript object has', () => {
  const { fileName, yaml } = synthesize(validateValues(minimal({ name: 'constructor' })));
  expect(fileName).toBe('constructor.k8s.yaml');
  expect(yaml.replaceAll('constructor', 'notes')).toBe(synthesize(validateValues(minimal({ name: 'notes' }))).yaml);
});

test('without a namespace no object names one, with one all of them do', () => {
  const namespaces = (more: object) =>
    render(validateValues(minimal({ ...more }))).map((object) => object.metadata.namespace);
  expect(new Set(namespaces({}))).toEqual(new Set([undefined]));
  expect(new Set(namespaces({ namespace: 'mcp' }))).toEqual(new Set(['mcp']));
});

test('render leaves the values as they were', () => {
  const values = loadValues({ files: ['examples/values/production.yaml'] });
  const before = structuredClone(values);
  render(values);
  expect(values).toEqual(before);
});
