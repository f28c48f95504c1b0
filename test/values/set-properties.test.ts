import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import { applySet, typedValue } from '../../src/values/set.ts';
import { isReserved, isTree, type Tree } from '../../src/values/tree.ts';

const escaped = (text: string, special: RegExp) => text.replace(special, (character) => `\\${character}`);

/** The assignments that make a tree; the inverse of parsing, in which any text must survive. */
function print(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => print(item, `${path}[${index}]`));
  if (isTree(value)) {
    return Object.entries(value).flatMap(([key, child]) => {
      const name = escaped(key, /[\\=[,.]/g);
      return print(child, path === '' ? name : `${path}.${name}`);
    });
  }
  return [`${path}=${escaped(escaped(String(value), /[\\,]/g), /^\{/)}`];
}

const key = fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }).filter((text) => !isReserved(text));

function trees(leaf: fc.Arbitrary<unknown>): fc.Arbitrary<Tree> {
  const { tree } = fc.letrec<{ tree: Tree; node: unknown }>((tie) => ({
    node: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('node'), { minLength: 1, maxLength: 3 }), tie('tree')),
    tree: fc.dictionary(key, tie('node'), { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
  }));
  return tree;
}

const anyText = fc.string({ unit: 'grapheme' });
const plainText = anyText.filter((text) => typedValue(text) === text);

test('what --set-string prints it reads again, whatever is in names and values', () => {
  fc.assert(
    fc.property(trees(anyText), (tree) => {
      const read: Tree = {};
      applySet(read, print(tree, '').join(','), { kind: 'text', read: (text) => text }, '--set-string');
      expect(read).toEqual(tree);
    }),
  );
});

test('what --set prints it reads again with the same types', () => {
  const leaf = fc.oneof(fc.boolean(), fc.constant(null), fc.maxSafeInteger(), plainText);
  fc.assert(
    fc.property(trees(leaf), (tree) => {
      const read: Tree = {};
      for (const assignment of print(tree, '')) applySet(read, assignment, { kind: 'text', read: typedValue });
      expect(read).toEqual(tree);
    }),
  );
});

test('no text breaks the parser: it is read or it is a usage error, and prototypes stay as they are', () => {
  const noise = fc.string({ unit: fc.constantFrom(...'ab.=,[]{}01\\-"_: ', '__proto__', 'constructor') });
  fc.assert(
    fc.property(noise, fc.constantFrom('text' as const, 'json' as const), (assignment, kind) => {
      try {
        applySet({}, assignment, kind === 'json' ? { kind } : { kind, read: typedValue });
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});
