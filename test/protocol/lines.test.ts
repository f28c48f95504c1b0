import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lines } from '../../src/protocol/lines.ts';

const LIMIT = 40;

function linesOf(chunks: readonly Buffer[], limit = LIMIT): { text: string; cut: boolean }[] {
  const lines = new Lines(limit);
  return [...chunks.flatMap((chunk) => [...lines.push(chunk)]), ...lines.rest()];
}

test('lines are the same however the bytes are cut', () => {
  const text = fc.string({ unit: fc.constantFrom('x', 'ä', '🥊', '\r', '\n'), maxLength: 120 });
  fc.assert(
    fc.property(text, fc.array(fc.nat({ max: 200 })), (input, cuts) => {
      const bytes = Buffer.from(input);
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      expect(linesOf(chunks)).toEqual(linesOf([bytes]));
    }),
  );
});

test('a line ends with a newline, or a carriage return and a newline', () => {
  expect(linesOf([Buffer.from('one\r\n\r\n\ntwo\r'), Buffer.from('\nthree')]).map(({ text }) => text)).toEqual([
    ...['one', '', '', 'two', 'three'],
  ]);
});

test.for([
  ['within a chunk', [`${'x'.repeat(41)}\nnext\n`]],
  ['over chunks', ['x'.repeat(20), 'x'.repeat(21), 'x'.repeat(100), 'x\nnext\n']],
  ['at the border of a chunk', ['x'.repeat(40), 'x', '\nnext\n']],
] as const)('a line that is too long is cut and the next one is whole: %s', ([, chunks]) => {
  expect(linesOf(chunks.map((chunk) => Buffer.from(chunk)))).toEqual([
    { text: 'x'.repeat(40), cut: true },
    { text: 'next', cut: false },
  ]);
});

test('a line of exactly the limit is whole', () => {
  expect(linesOf([Buffer.from('x'.repeat(30)), Buffer.from(`${'x'.repeat(10)}\n`)])).toEqual([
    { text: 'x'.repeat(40), cut: false },
  ]);
});

test('a long line that comes in small pieces takes time in proportion to its bytes', () => {
  const pieces = (count: number) => [...Array<Buffer>(count).fill(Buffer.alloc(64, 'x')), Buffer.from('\n')];
  const time = (count: number) => {
    const chunks = pieces(count);
    const begun = performance.now();
    expect(linesOf(chunks, 64 * 1024 * 1024)).toHaveLength(1);
    return performance.now() - begun;
  };
  time(16_384);
  // 16 MiB: copied over for each piece it would be 2 TB.
  expect(time(262_144)).toBeLessThan(5_000);
});
