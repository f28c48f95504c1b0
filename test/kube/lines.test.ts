import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lines } from '../../src/kube/lines.ts';

/** The bytes cut at these places, some of which may fall together or within a character. */
function chunksOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

test('lines come out whole wherever the stream was cut, also within a character', () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' '));
  fc.assert(
    fc.property(fc.array(line), line, fc.array(fc.nat()), (whole, rest, cuts) => {
      const lines = new Lines(1_000_000);
      const bytes = Buffer.from([...whole, rest].join('\n'));
      const read = chunksOf(bytes, cuts).flatMap((chunk) => [...lines.push(chunk)]);
      expect(read).toEqual(whole);
      expect(lines.rest()).toBe(rest);
    }),
  );
});

test('a line may have so many bytes and not one more, however it comes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 50 }), fc.array(fc.nat()), (length, cuts) => {
      const read = () => {
        const lines = new Lines(20);
        return chunksOf(Buffer.from(`${'x'.repeat(length)}\n`), cuts).flatMap((chunk) => [...lines.push(chunk)]);
      };
      if (length <= 20) expect(read()).toEqual(['x'.repeat(length)]);
      else expect(read).toThrow(RangeError);
    }),
  );
});
