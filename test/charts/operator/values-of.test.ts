import { expect, test } from 'vitest';
import { valuesOf } from '../../../charts/operator/values-of.ts';
import { UsageError } from '../../../src/config/problems.ts';
import { validateValues } from '../../../src/values/validate.ts';

const image = { repository: 'localhost/berth', tag: 'dev' };

test('a resource’s spec is the values of a fleet of its name, in its namespace', () => {
  const resource = { metadata: { name: 'notes', namespace: 'mcp', uid: '1' }, spec: { image, replicas: 2 } };
  expect(valuesOf(resource)).toEqual({ name: 'notes', namespace: 'mcp', image, replicas: 2 });
  expect(validateValues(valuesOf(resource))).toEqual(
    validateValues({ name: 'notes', namespace: 'mcp', image, replicas: 2 }),
  );
});

test('keys that only values files have are refused, all at once', () => {
  const spec = { image, name: 'other', namespace: 'other', workers: 2, extraObjects: [] };
  expect(() => valuesOf({ metadata: { name: 'notes' }, spec })).toThrow(
    new UsageError([
      'name is not for the spec: the fleet has the name of its resource.',
      'namespace is not for the spec: the fleet is in the namespace of its resource.',
      'workers is not for the spec: there the number has one name. Give replicas.',
      'extraObjects is not for the spec: the operator keeps a fleet and nothing else. Apply them beside the resource.',
    ]),
  );
});

test.each([[undefined], [null], ['text'], [[]]])('a spec that is %j lacks what a fleet must have', (spec) => {
  expect(() => validateValues(valuesOf({ metadata: { name: 'notes' }, spec }))).toThrow('image must be a map.');
});
