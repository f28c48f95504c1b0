import { expect, test } from 'vitest';
import { carryOn } from '../../../src/operator/certificates/held-since.ts';
import { fingerprint, make, START } from './generations.ts';

const [first, second] = await Promise.all([make(START), make(START)]);
const both = first.ca + second.ca;
const [one, two] = [fingerprint(first.ca), fingerprint(second.ca)];

test('an authority is held from when the last of the bundles has it', () => {
  const early = carryOn(new Map(), both, [both, first.ca], 1);
  expect(early).toEqual(new Map([[one, 1]]));
  const later = carryOn(early, both, [both, both], 2);
  expect(later).toEqual(
    new Map([
      [one, 1],
      [two, 2],
    ]),
  );
  expect(carryOn(later, both, [both, both], 3)).toEqual(later);
});

test('one that was missing for once starts anew', () => {
  const before = new Map([
    [one, 1],
    [two, 1],
  ]);
  const broken = carryOn(before, both, [first.ca, both], 2);
  expect(carryOn(broken, both, [both, both], 3)).toEqual(
    new Map([
      [one, 1],
      [two, 3],
    ]),
  );
});

test('a bundle without certificates holds nothing', () => {
  expect(carryOn(new Map(), both, [both, ''], 1)).toEqual(new Map());
});

test('where nobody verifies, all is held', () => {
  expect(carryOn(new Map(), both, [], 1)).toEqual(
    new Map([
      [one, 1],
      [two, 1],
    ]),
  );
});

test('nothing is held since a time to come, even if the clock was set back', () => {
  expect(carryOn(new Map([[one, 1_000]]), first.ca, [both], 5)).toEqual(new Map([[one, 5]]));
});
