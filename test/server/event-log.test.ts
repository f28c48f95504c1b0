import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventLog } from '../../src/server/legacy/event-log.ts';

test('replay gives what came after an id on that stream, and nothing of another stream', () => {
  const log = new EventLog(10_000);
  const first = log.append(1, 'a');
  log.append(2, 'secret');
  log.append(1, 'b');
  expect(log.find(first)?.missed.map(({ data }) => data)).toEqual(['b']);
});

test('an id that the log never gave out is not found', () => {
  const log = new EventLog(10_000);
  log.append(1, 'a');
  for (const id of ['', 'x', '1-2', '1-zz', '../1', '1-1-1', 'é-1', '99999999999-1'])
    expect(log.find(id), id).toBeUndefined();
});

test('a mark is a place to resume from that misses nothing', () => {
  const log = new EventLog(10_000);
  log.append(0, 'before');
  const mark = log.mark(3);
  log.append(3, 'after');
  expect(log.find(mark)?.missed.map(({ data }) => data)).toEqual(['after']);
});

test('the log never holds more bytes than its limit, and says when it lost something', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(400))), fc.integer({ min: 0, max: 2_000 }), (events, limit) => {
      const log = new EventLog(limit);
      const ids = events.map(([stream, length]) => ({ stream, length, id: log.append(stream, 'x'.repeat(length)) }));
      const kept = [0, 1, 2, 3].flatMap((stream) => log.find(`${stream}-0`)?.missed ?? []);
      const bytes = kept.reduce((sum, { data }) => sum + data.length + 96, 0);
      expect(bytes).toBeLessThanOrEqual(limit);
      for (const { stream, id } of ids) {
        const position = log.find(id);
        const later = ids
          .slice(ids.findIndex((event) => event.id === id) + 1)
          .filter((event) => event.stream === stream);
        if (position?.trimmed === false) expect(position.missed).toHaveLength(later.length);
      }
    }),
  );
});
