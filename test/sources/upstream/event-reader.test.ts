import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventReader, MessageTooLong } from '../../../src/sources/upstream/event-reader.ts';

const LIMIT = 1024 * 1024;

function read(chunks: readonly (string | Buffer)[], limit = LIMIT) {
  const reader = new EventReader(limit);
  const events = chunks.flatMap((chunk) => [...reader.push(Buffer.from(chunk))]);
  return { events, lastEventId: reader.lastEventId, retry: reader.retry };
}

const message = (data: string) => ({ type: 'message', data });

describe('a stream is read as the standard says', () => {
  test.for<readonly [string, string, readonly { readonly type: string; readonly data: string }[]]>([
    ['one event', 'data: a\n\n', [message('a')]],
    ['two events', 'data: a\n\ndata: b\n\n', [message('a'), message('b')]],
    ['data of several lines', 'data: a\ndata:\ndata: b\n\n', [message('a\n\nb')]],
    ['one space after the colon, no more', 'data:  a\n\ndata:b\n\n', [message(' a'), message('b')]],
    ['a type', 'event: ping\ndata: a\n\n', [{ type: 'ping', data: 'a' }]],
    [
      'a type is of its event alone',
      'event: ping\ndata: a\n\ndata: b\n\n',
      [{ type: 'ping', data: 'a' }, message('b')],
    ],
    ['empty data is an event', 'data: \n\n', [message('')]],
    ['a field without a colon', 'data\n\n', [message('')]],
    ['no data is none', 'event: ping\n\n', []],
    ['comments and unknown fields', ': hello\nfoo: bar\ndata: a\n\n', [message('a')]],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', [message('a'), message('b')]],
    ['CR', 'data: a\r\rdata: b\r\r', [message('a'), message('b')]],
    ['all line ends mixed', 'data: a\r\n\ndata: b\n\r\ndata: c\r\n\r', [message('a'), message('b'), message('c')]],
    ['a byte order mark at the start', '\uFEFFdata: a\n\n', [message('a')]],
    ['one anywhere else is text', 'data: \uFEFF\n\n\uFEFFdata: a\n\n', [message('\uFEFF')]],
    ['an event that is not ended is none', 'data: a\n\ndata: b\n', [message('a')]],
  ])('%s', ([, text, events]) => {
    expect(read([text]).events).toEqual(events);
  });

  test.for<readonly [string, string, { readonly lastEventId?: string; readonly retry?: number }]>([
    ['an id counts once its event has ended', 'id: 1\ndata: a\n\nid: 2\n', { lastEventId: '1' }],
    ['an id without data counts', 'id: 1\ndata: a\n\nid: 2\n\n', { lastEventId: '2' }],
    ['an empty id forgets the one before', 'id: 1\n\nid\n\n', { lastEventId: '' }],
    ['an id with a zero character is none', 'id: 1\n\nid: a\0b\n\n', { lastEventId: '1' }],
    ['retry', 'retry: 250\n\n', { retry: 250 }],
    ['retry that is no number', 'retry: 250\nretry: soon\n\n', { retry: 250 }],
  ])('%s', ([, text, { lastEventId, retry }]) => {
    expect(read([text])).toMatchObject({ lastEventId, retry });
  });
});

const line = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => `data: ${text.replaceAll(/[\r\n]/g, '')}`),
  fc.constantFrom(
    '',
    'id: 7',
    'id',
    'event: x',
    'retry: 10',
    ': comment',
    'data',
    'data:ü€𝄞',
    '\uFEFF',
    'data: \uFEFF',
  ),
);
const stream = fc
  .array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 30 })
  .map((lines) => Buffer.from(lines.map((parts) => parts.join('')).join('')));

test('any way to cut a stream into chunks gives the same events', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(400), { maxLength: 20 }), (bytes, cuts) => {
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
      expect(read(chunks)).toEqual(read([bytes]));
      expect(read([...bytes].map((byte) => Buffer.of(byte)))).toEqual(read([bytes]));
    }),
    { numRuns: 300 },
  );
});

test('what is written as events is read as it was', () => {
  const event = fc.record({ type: fc.constantFrom('message', 'other'), data: fc.string({ unit: 'grapheme' }) });
  fc.assert(
    fc.property(fc.array(event), (given) => {
      const events = given.map(({ type, data }) => ({ type, data: data.replaceAll(/\r\n?/g, '\n') }));
      const frames = events.map(
        ({ type, data }) =>
          `event: ${type}\n${data
            .split('\n')
            .map((text) => `data: ${text}\n`)
            .join('')}\n`,
      );
      expect(read(frames).events).toEqual(events);
    }),
  );
});

describe('an event that is too long is an error that names the flag', () => {
  test.for<readonly [string, readonly string[]]>([
    ['in one chunk', [`data: ${'x'.repeat(200)}\n\n`]],
    ['in a line that never ends', ['data: ', ...Array.from({ length: 20 }, () => 'x'.repeat(10))]],
    ['in many lines', Array.from({ length: 20 }, () => 'data: xxxxxxxx\n')],
  ])('%s', ([, chunks]) => {
    expect(() => read(chunks, 100)).toThrow(MessageTooLong);
    expect(() => read(chunks, 100)).toThrow('--max-message');
  });

  test('many short ones are none', () => {
    const frames = Array.from({ length: 1_000 }, (_, i) => `data: ${i}\n\n`);
    expect(read(frames, 100).events).toHaveLength(1_000);
    expect(read([frames.join('')], 100).events).toHaveLength(1_000);
  });
});
