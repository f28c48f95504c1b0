import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/config/units.ts';

test('a duration that is printed is read back as it was', () => {
  fc.assert(fc.property(fc.nat(2_000_000_000), (ms) => parseDuration(formatDuration(ms)) === ms));
});

test('a size that is printed is read back as it was', () => {
  fc.assert(fc.property(fc.nat(2_000_000_000), (bytes) => parseSize(formatSize(bytes)) === bytes));
});

test.for(['', '5', 's', '1.5s', '-1s', '1 s', '1d', '1sm'])('%j is not a duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.for(['', 'KiB', '1.5MiB', '-1B', '1KB', '1 KiB'])('%j is not a size', (text) => {
  expect(parseSize(text)).toBeUndefined();
});
