import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventReader } from '../../src/load/event-reader.ts';

function read(text: string, cuts: readonly number[] = [], limit = 1_000): [string, string][] {
  const seen: [string, string][] = [];
  const reader = new EventReader(limit, (data, name) => seen.push([name, data]));
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [i, place] of places.entries()) reader.push(bytes.subarray(places[i - 1] ?? 0, place));
  return seen;
}

const STREAM = [
  'id: 1\nretry: 1000\ndata: \n\n',
  ': keep-alive\n\n',
  'event: message\r\ndata: {"a":1}\r\n\r\n',
  'data:first\ndata: second\n\nevent: endpoint\ndata: /messages?sessionId=1\n\n',
].join('');

test('events come out the same wherever the bytes are cut', () => {
  const whole = [
    ['', ''],
    ['message', '{"a":1}'],
    ['', 'first\nsecond'],
    ['endpoint', '/messages?sessionId=1'],
  ];
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 500 })), (cuts) => {
      expect(read(STREAM, cuts)).toEqual(whole);
    }),
  );
});

test('an event without end is given up at the limit', () => {
  expect(() => read(`data: ${'x'.repeat(2_000)}`)).toThrow('An event has more than 1000 bytes.');
  expect(() => read(`data: ${'x'.repeat(600)}\ndata: ${'x'.repeat(600)}`)).toThrow('An event has more');
});
