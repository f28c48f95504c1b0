import fc from 'fast-check';
import { expect, test } from 'vitest';
import { merge } from '../../src/values/merge.ts';
import { isTree, type Tree, withoutNulls } from '../../src/values/tree.ts';

const scalar = fc.oneof(fc.integer(), fc.boolean(), fc.string(), fc.constant(null));
const key = fc.constantFrom('a', 'b', 'c', 'd');
const { tree } = fc.letrec<{ tree: Tree; node: unknown }>((tie) => ({
  node: fc.oneof({ maxDepth: 4 }, scalar, fc.array(scalar, { maxLength: 3 }), tie('tree')),
  tree: fc.dictionary(key, tie('node'), { maxKeys: 4, noNullPrototype: true }),
}));
const nullFree = tree.map((value) => withoutNulls(value) as Tree);

/** Every path that ends in something other than a map. */
function leaves(value: unknown, path: readonly string[] = []): { path: readonly string[]; leaf: unknown }[] {
  if (!isTree(value)) return [{ path, leaf: value }];
  return Object.entries(value).flatMap(([name, child]) => leaves(child, [...path, name]));
}
const at = (value: unknown, path: readonly string[]) =>
  path.reduce<unknown>((node, name) => (isTree(node) ? node[name] : undefined), value);

test('laying nothing over a tree, or a tree over itself, changes nothing', () => {
  fc.assert(
    fc.property(nullFree, (a) => {
      expect(merge(a, {})).toEqual(a);
      expect(merge({}, a)).toEqual(a);
      expect(merge(a, a)).toEqual(a);
    }),
  );
});

test('every leaf of the later tree is in the result, and null takes its key away', () => {
  fc.assert(
    fc.property(tree, tree, (a, b) => {
      const merged = merge(a, b);
      for (const { path, leaf } of leaves(b)) expect(at(merged, path)).toEqual(leaf === null ? undefined : leaf);
    }),
  );
});

test('a leaf that the later tree does not touch stays', () => {
  fc.assert(
    fc.property(nullFree, tree, (a, b) => {
      const merged = merge(a, b);
      for (const { path, leaf } of leaves(a)) {
        const touched = path.some((_, depth) => {
          const over = at(b, path.slice(0, depth + 1));
          return over !== undefined && !isTree(over);
        });
        if (!touched && !isTree(at(b, path))) expect(at(merged, path)).toEqual(leaf);
      }
    }),
  );
});

test('neither tree is changed', () => {
  fc.assert(
    fc.property(tree, tree, (a, b) => {
      const before = structuredClone([a, b]);
      merge(a, b);
      expect([a, b]).toEqual(before);
    }),
  );
});

test('lists replace, maps merge', () => {
  expect(merge({ l: [1, 2], m: { a: 1, b: 2 } }, { l: [3], m: { b: 3 } })).toEqual({ l: [3], m: { a: 1, b: 3 } });
});
