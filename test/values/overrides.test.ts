import { expect, test } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import { collectTree } from '../../src/values/overrides.ts';

const FILES: Readonly<Record<string, string>> = {
  'a.yaml': 'x: a\nm: {one: 1, two: 2}\nl: [1, 2]\n',
  'b.yaml': 'x: b\nm: {two: null, three: 3}\nl: [3]\n',
  'motd.txt': 'hello, world\n',
  'bad.yaml': 'a: [',
};
function read(path: string): string {
  const text = FILES[path];
  if (text === undefined) throw new UsageError([`${path} does not exist.`]);
  return text;
}

test('a later file wins, maps merge, lists replace, null deletes', () => {
  expect(collectTree({ files: ['a.yaml', 'b.yaml'] }, read)).toEqual({ x: 'b', m: { one: 1, three: 3 }, l: [3] });
});

test('the order is Helm’s: -f, --set-json, --set, --set-string, --set-file, wherever they stand on the line', () => {
  const all = { files: ['a.yaml'], setJson: ['x="json"'], set: ['x=1'], setString: ['x=2'], setFile: ['x=motd.txt'] };
  expect(collectTree(all, read)['x']).toBe('hello, world\n');
  expect(collectTree({ ...all, setFile: [] }, read)['x']).toBe('2');
  expect(collectTree({ ...all, setFile: [], setString: [] }, read)['x']).toBe(1);
  expect(collectTree({ ...all, setFile: [], setString: [], set: [] }, read)['x']).toBe('json');
});

test('--set reaches into lists and maps of a file', () => {
  expect(collectTree({ files: ['a.yaml'], set: ['l[1]=9,m.one=null'] }, read)).toEqual({
    x: 'a',
    m: { one: null, two: 2 },
    l: [1, 9],
  });
});

test('--set-json takes a whole object and merges it', () => {
  expect(collectTree({ files: ['a.yaml'], setJson: ['{"m":{"one":5}}'] }, read)['m']).toEqual({ one: 5, two: 2 });
});

test('the problems of all files and flags come together', () => {
  const sources = { files: ['none.yaml', 'bad.yaml'], set: ['a'], setJson: ['{'], setFile: ['x=none.txt'] };
  try {
    collectTree(sources, read);
    expect.unreachable();
  } catch (error) {
    expect((error as UsageError).problems).toEqual([
      'none.yaml does not exist.',
      expect.stringMatching(/^bad\.yaml:1 is not YAML: /),
      expect.stringMatching(/^--set-json \{: is not JSON: /),
      '--set a: "a" has no value; write a=VALUE.',
      'none.txt does not exist.',
    ]);
  }
});
