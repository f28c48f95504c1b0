import { expect, test } from 'vitest';
import { foundWhere, lacks } from '../../../src/operator/reconcile/difference.ts';

test.for([
  ['the same', { a: [1, { b: 'c' }] }, { a: [1, { b: 'c' }] }, false],
  ['what others added to a map', { a: 1, b: 2 }, { a: 1 }, false],
  ['what others added to an entry of a list', { a: [{ name: 'x', more: 1 }] }, { a: [{ name: 'x' }] }, false],
  ['an entry that others added', { a: [{ name: 'x' }, { name: 'y' }] }, { a: [{ name: 'x' }] }, true],
  ['another value', { a: 1 }, { a: 2 }, true],
  ['a value of another type', { a: '1' }, { a: 1 }, true],
  ['a missing key', {}, { a: 1 }, true],
  ['a missing map', {}, { a: { b: 1 } }, true],
  ['a missing map with nothing in it', {}, { a: {} }, false],
  ['a list in another order', { a: [1, 2] }, { a: [2, 1] }, true],
  ['a list in place of a map', { a: [] }, { a: { b: 1 } }, true],
  ['what is not wanted', { a: 1 }, { a: undefined }, false],
] as const)('%s', ([, live, wanted, expected]) => {
  expect(lacks(live, wanted)).toBe(expected);
});

test.for([
  ['the same in another order', { b: 1, a: { c: 2 } }, { a: { c: 2 }, b: 1 }, true],
  ['what others added to a map', { a: { c: 2, theirs: 1 }, b: 1, theirs: 1 }, { a: { c: 2 }, b: 1 }, true],
  ['another value', { a: { c: 3 }, b: 1 }, { a: { c: 2 }, b: 1 }, false],
  ['an entry that others added', { a: [1, 2] }, { a: [1] }, false],
  ['what others added to an entry', { a: [{ b: 1, theirs: 1 }] }, { a: [{ b: 1 }] }, true],
] as const)('the same is found where something is wanted: %s', ([, one, other, same]) => {
  expect(foundWhere(other, one) === foundWhere(other, other)).toBe(same);
});
