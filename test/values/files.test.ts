import { expect, test } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import { parseValuesFile, readText } from '../../src/values/files.ts';

test('a values file is read as kubectl reads it', () => {
  const text = ['mode: 0755', 'on: yes', 'time: 1:30', 'day: 2001-01-01', 'float: 1.5', 'none: ~', '80: http'].join(
    '\n',
  );
  expect(parseValuesFile(text, 'values.yaml')).toEqual({
    mode: 0o755,
    true: true,
    time: '1:30',
    day: '2001-01-01',
    float: 1.5,
    none: null,
    80: 'http',
  });
});

test('anchors become copies', () => {
  const { a, b } = parseValuesFile('a: &x {k: [1]}\nb: *x', 'values.yaml') as { a: object; b: object };
  expect(b).toEqual(a);
  expect(b).not.toBe(a);
});

test('an empty file holds no values', () => {
  expect(parseValuesFile('', 'values.yaml')).toEqual({});
  expect(parseValuesFile('# nothing yet\n', 'values.yaml')).toEqual({});
});

test.each(['a: 1\n---\n', '---\n---\na: 1', '---\na: 1\n---\n# nothing\n'])('%j is one document', (text) => {
  expect(parseValuesFile(text, 'values.yaml')).toEqual({ a: 1 });
});

test('the largest number that is kept exactly is no error', () => {
  expect(parseValuesFile('a: 9007199254740991\nb: -0.5', 'values.yaml')).toEqual({ a: 9007199254740991, b: -0.5 });
});

test.each([
  ['a: {b: [1, .inf]}', 'v.yaml: a.b.1 is a number that would be changed. Quote it.'],
  ['a: -.inf', 'v.yaml: a is a number that would be changed. Quote it.'],
  ['a: .nan', 'v.yaml: a is a number that would be changed. Quote it.'],
  ['id: 9007199254740993', 'v.yaml: id is a number that would be changed. Quote it.'],
  ['a: 1\nb: [', 'v.yaml:2 is not YAML: '],
  ['a: 1\na: 2', 'v.yaml:2 is not YAML: Map keys must be unique'],
  ['- a', 'v.yaml:1 must be a map of values. Got a list.'],
  ['hello', 'v.yaml:1 must be a map of values. Got string.'],
  ['a: 1\n---\nb: 2', 'v.yaml must be one YAML document. Got 2.'],
  ['__proto__: {x: 1}', 'v.yaml: __proto__ is not a name that values may have.'],
  ['a: [{constructor: 1}]', 'v.yaml: a.0.constructor is not a name that values may have.'],
  ['a: &a [*a]', 'v.yaml is not usable YAML: '],
])('%j is an error that names file and line', (text, message) => {
  expect(() => parseValuesFile(text, 'v.yaml')).toThrow(UsageError);
  expect(() => parseValuesFile(text, 'v.yaml')).toThrow(message);
});

test('a file that is not there, or is a directory, is named', () => {
  expect(() => readText('no/such/values.yaml')).toThrow('no/such/values.yaml does not exist.');
  expect(() => readText('test')).toThrow('test is a directory.');
});
