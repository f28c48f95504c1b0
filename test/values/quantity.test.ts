import { expect, test } from 'vitest';
import { parseQuantity } from '../../src/values/quantity.ts';

test.each([
  ['512Mi', 536_870_912],
  ['1.5Gi', 1_610_612_736],
  ['512M', 512_000_000],
  ['.5G', 500_000_000],
  ['1k', 1_000],
  ['128974848', 128_974_848],
  [128_974_848, 128_974_848],
  ['129e6', 129_000_000],
  ['1E9', 1_000_000_000],
  ['1E', 1e18],
  ['+1Ki', 1_024],
  ['1500m', 1.5],
  ['0', 0],
])('%j is %d', (quantity, number) => {
  expect(parseQuantity(quantity)).toBe(number);
});

test.each(['', 'Mi', '1 Gi', '1GiB', '1g', '-1Gi', '1e', '1.2.3', undefined, null, true, {}])('%j is none', (given) => {
  expect(parseQuantity(given)).toBeUndefined();
});
