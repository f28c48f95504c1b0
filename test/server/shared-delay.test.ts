import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SharedDelay } from '../../src/server/shared-delay.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('each is told once, after the delay that began when it came; who was called off is not', async () => {
  const delay = new SharedDelay(2_000);
  const told: string[] = [];
  const waiting = (name: string) => ({ late: () => void told.push(`${name} at ${performance.now() - begun}`) });
  const begun = performance.now();
  const off = delay.add(waiting('off'));
  delay.add(waiting('first'));
  await vi.advanceTimersByTimeAsync(1_500);
  delay.add(waiting('second'));
  off.leave();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told).toEqual(['first at 2000', 'second at 3500']);
  delay.add(waiting('third'));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told.at(-1)).toBe('third at 13500');
  expect(vi.getTimerCount()).toBe(0);
});

test('many who come and are called off need one timer, and none in the end', async () => {
  const delay = new SharedDelay(100);
  for (let i = 0; i < 1_000; i++) {
    const late = vi.fn();
    delay.add({ late });
    delay.add({ late }).leave();
  }
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(vi.getTimerCount()).toBe(0);
});

test('one that comes while others are told waits for its own time', async () => {
  const delay = new SharedDelay(100);
  const next = { late: vi.fn() };
  delay.add({ late: () => delay.add(next) });
  await vi.advanceTimersByTimeAsync(100);
  expect(next.late).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(100);
  expect(next.late).toHaveBeenCalledOnce();
});

test('who throws keeps nobody from being told', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const delay = new SharedDelay(100);
  const [next, later] = [{ late: vi.fn() }, { late: vi.fn() }];
  delay.add({
    late() {
      throw new Error('too late');
    },
  });
  delay.add(next);
  await vi.advanceTimersByTimeAsync(50);
  delay.add(later);
  await vi.advanceTimersByTimeAsync(60);
  expect(next.late).toHaveBeenCalledOnce();
  expect(warned).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(100);
  expect(later.late).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});

test('one that is told may call off itself and the next', async () => {
  const delay = new SharedDelay(100);
  const [next, last] = [{ late: vi.fn() }, { late: vi.fn() }];
  const first = delay.add({
    late() {
      first.leave();
      second.leave();
      second.leave();
    },
  });
  const second = delay.add(next);
  delay.add(last);
  await vi.advanceTimersByTimeAsync(200);
  expect(next.late).not.toHaveBeenCalled();
  expect(last.late).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});
