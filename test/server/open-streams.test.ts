import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { EventStream } from '../../src/server/event-stream.ts';
import { OpenStreams } from '../../src/server/open-streams.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function stream() {
  const seen = { kind: 'standalone' as const, kept: 0, keepAlive: () => void seen.kept++ };
  return seen;
}

test('every stream is kept alive once in 15 s, a few of them each second', () => {
  const streams = new OpenStreams(new AbortController().signal);
  const open = Array.from({ length: 30 }, () => stream());
  for (const [index, each] of open.entries()) {
    streams.add(each as unknown as EventStream);
    if (index % 2 === 1) vi.advanceTimersByTime(1_000);
  }
  for (const each of open) each.kept = 0;
  vi.advanceTimersByTime(1_000);
  expect(open.filter(({ kept }) => kept === 1)).toHaveLength(2);
  vi.advanceTimersByTime(14_000);
  expect(open.every(({ kept }) => kept === 1)).toBe(true);
});

test('a stream that closed is not kept alive, and a process that ends keeps none', () => {
  const ended = new AbortController();
  const streams = new OpenStreams(ended.signal);
  const [closed, open] = [stream(), stream()];
  for (const each of [closed, open]) streams.add(each as unknown as EventStream);
  streams.remove(closed as unknown as EventStream);
  vi.advanceTimersByTime(30_000);
  expect([closed.kept, open.kept, streams.size]).toEqual([0, 2, 1]);
  ended.abort();
  vi.advanceTimersByTime(30_000);
  expect(open.kept).toBe(2);
});
