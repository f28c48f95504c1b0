import { expect, test } from 'vitest';
import { quantity } from '../../../src/operator/metrics-api/quantity.ts';

test.for([
  [0, '0'],
  [37, '37'],
  [37.5, '37500m'],
  [0.001, '1m'],
  [0.0004, '0'],
  [36.9999, '37'],
  [0.1 + 0.2, '300m'],
  [-1.5, '-1500m'],
  [1e21, '1000000000000000000000'],
] as const)('%d is written as %s', ([value, text]) => {
  expect(quantity(value)).toBe(text);
});

test.for([Number.NaN, Number.POSITIVE_INFINITY])('%d is not written at all', (value) => {
  expect(() => quantity(value)).toThrow(`Got ${value}.`);
});
