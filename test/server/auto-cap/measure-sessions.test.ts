import { describe, expect, test } from 'vitest';
import { type MeasureOptions, measureSessions } from '../../../src/server/auto-cap/measure-sessions.ts';

const MIB = 1024 ** 2;

interface Knobs {
  /** Bytes that a session adds. */
  readonly each: number;
  /** Bytes that the first one adds beyond that. */
  readonly first?: number;
  /** Milliseconds that a session takes to open. */
  readonly took?: number;
  readonly failAt?: number;
}

/** A process that holds sessions, without a process or sessions. */
function fakeProcess({ each, first = 0, took = 0, failAt }: Knobs) {
  const seen = { opened: 0, open: 0, most: 0, now: 0 };
  const options: Omit<MeasureOptions, 'processes' | 'room'> = {
    async open() {
      if (++seen.opened === failAt) throw new Error('no more');
      seen.open++;
      seen.most = Math.max(seen.most, seen.open);
      seen.now += took;
      return {
        async close() {
          seen.open--;
        },
      };
    },
    read: async () => ({ heap: 7 * MIB + seen.open * each + (seen.opened > 0 ? first : 0), external: 0, children: 0 }),
    clock: () => seen.now,
  };
  return { seen, options };
}

const plenty = { processes: false, room: 1_000 * MIB };

describe('measuring sessions', () => {
  test('finds what one adds, whatever the first one does, and leaves none open', async () => {
    const { seen, options } = fakeProcess({ each: 32_768, first: 3 * MIB });
    const measured = await measureSessions({ ...options, ...plenty });
    expect(measured.each.heap).toBeCloseTo(32_768, 5);
    expect(measured.shared.heap).toBeCloseTo(3 * MIB, 5);
    expect(seen.open).toBe(0);
  });

  test('needs few where each is large', async () => {
    const { seen, options } = fakeProcess({ each: 5 * MIB });
    expect((await measureSessions({ ...options, ...plenty })).sessions).toBe(3);
    expect(seen.most).toBe(3);
  });

  test('does not fill more than its room', async () => {
    const { seen, options } = fakeProcess({ each: 5 * MIB });
    expect((await measureSessions({ ...options, processes: false, room: 8 * MIB })).each.heap).toBe(5 * MIB);
    expect(seen.most).toBe(1);
  });

  test('begins no batch when time is up', async () => {
    const { seen, options } = fakeProcess({ each: 100, took: 1_100 });
    await measureSessions({ ...options, ...plenty });
    expect(seen.most).toBe(3);
  });

  test('starts few processes', async () => {
    const { seen, options } = fakeProcess({ each: 100 });
    await measureSessions({ ...options, processes: true, room: plenty.room });
    expect(seen.most).toBe(5);
  });

  test('closes all that were opened when one fails, and tells why', async () => {
    const { seen, options } = fakeProcess({ each: 100, failAt: 5 });
    await expect(measureSessions({ ...options, ...plenty })).rejects.toThrow('no more');
    expect(seen.opened).toBeGreaterThan(5);
    expect(seen.open).toBe(0);
  });
});
