import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cap, capFor, type Room, type SessionCost } from '../../../src/server/auto-cap/cap-for.ts';
import { memoryLimit, oldSpaceLimit } from '../../../src/server/memory-limit.ts';

const KIB = 1024;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

const room = (memory: number, heap: number, atRest: Partial<Room['atRest']> = {}): Room => ({
  memory: memory * MIB,
  heap: heap * MIB,
  atRest: { memory: 0, heap: 0, ...atRest },
});
const cost = (more: Partial<SessionCost>): SessionCost => ({ objects: 0, records: 0, beside: 0, ...more });

describe('the cap is what fits', () => {
  test.each<[string, Room, SessionCost, Cap]>([
    ['a heap is filled by half', room(1e6, 200), cost({ objects: MIB }), { maxConnections: 100, boundBy: 'heap' }],
    ['records fill it as well', room(1e6, 200), cost({ records: MIB }), { maxConnections: 100, boundBy: 'heap' }],
    [
      'objects leave garbage in the memory',
      room(400, 1e6),
      cost({ objects: MIB }),
      { maxConnections: 100, boundBy: 'memory' },
    ],
    ['buffers have room to grow', room(200, 1e6), cost({ beside: MIB }), { maxConnections: 100, boundBy: 'memory' }],
    [
      'what is there at rest is taken',
      room(600, 1e6, { memory: 150 * MIB, heap: 50 * MIB }),
      cost({ objects: MIB }),
      { maxConnections: 100, boundBy: 'memory' },
    ],
    [
      'twice in the heap',
      room(1e6, 300, { heap: 50 * MIB }),
      cost({ objects: MIB }),
      { maxConnections: 100, boundBy: 'heap' },
    ],
    ['there is one at least', room(10, 10), cost({ objects: 20 * MIB }), { maxConnections: 1, boundBy: 'least' }],
    [
      'even where all is taken already',
      room(10, 10, { memory: 20 * MIB }),
      cost({ objects: KIB }),
      { maxConnections: 1, boundBy: 'least' },
    ],
    [
      'there are a million at most',
      room(1e9, 1e9),
      cost({ objects: 1 }),
      { maxConnections: 1_000_000, boundBy: 'most' },
    ],
  ])('%s', (_, given, each, expected) => {
    expect(capFor(given, each)).toEqual(expected);
  });

  test('more memory never makes it smaller, and a dearer session never larger', () => {
    const bytes = fc.integer({ min: 1, max: GIB });
    fc.assert(
      fc.property(bytes, bytes, bytes, bytes, bytes, (memory, heap, objects, beside, more) => {
        const atRest = { memory: 0, heap: 0 };
        const { maxConnections } = capFor({ memory, heap, atRest }, cost({ objects, beside }));
        expect(
          capFor({ memory: memory + more, heap, atRest }, cost({ objects, beside })).maxConnections,
        ).toBeGreaterThanOrEqual(maxConnections);
        expect(
          capFor({ memory, heap, atRest }, cost({ objects: objects + more, beside })).maxConnections,
        ).toBeLessThanOrEqual(maxConnections);
      }),
    );
  });
});

test.each([
  [512 * MIB, 8 * GIB, { bytes: 512 * MIB, of: 'container' }],
  [0, 8 * GIB, { bytes: 8 * GIB, of: 'machine' }],
  // What Node answers where cgroups have no limit.
  [2 ** 64, 8 * GIB, { bytes: 8 * GIB, of: 'machine' }],
])('of a limit of %d bytes on a machine with %d', (constrained, total, expected) => {
  expect(memoryLimit(constrained, total)).toEqual(expected);
});

// Read from Node 24.21 in cgroups of these sizes: memory, heap_size_limit, and of that the old space, in MiB.
test.each([
  [128, 259, 256],
  [512, 259, 256],
  [768, 432, 384],
  [1024, 560, 512],
  [2048, 1120, 1024],
  [4096, 2240, 2048],
  [12288, 2240, 2048],
  [16384, 4288, 4096],
  // With --max-old-space-size=100.
  [20480, 292, 100],
  [1024, 148, 100],
])('in %d MiB a heap of %d has an old space of %d', (memory, limit, old) => {
  expect(oldSpaceLimit(limit * MIB, memory * MIB) / MIB).toBe(old);
});
