import { expect, test, vi } from 'vitest';
import { alive, bearers, behaviour, childrenOf, listenTo } from './behaving.ts';

/** For a process to start on a busy machine. */
const patience = { timeout: 10_000, interval: 20 };

const childOf = (command: readonly string[]) => childrenOf(command).children.spawn();

test('a child that ends with its input is closed at once', async () => {
  const child = childOf(behaviour('print', '{"jsonrpc":"2.0","method":"ready"}'));
  const heard = listenTo(child);
  await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
  await Promise.all([child.close(), child.close()]);
  // It was not made to.
  expect(await child.exited).toMatchObject({ code: 0, signal: null });
});

test.for([
  ['unread', 'SIGTERM', 2_000],
  ['stubborn', 'SIGKILL', 5_000],
] as const)('a child that stays after its input ended is made to end: %s by %s', async ([how, signal, after]) => {
  const child = childOf(behaviour(how));
  const heard = listenTo(child);
  await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
  const begun = performance.now();
  await child.close();
  expect(performance.now() - begun).toBeGreaterThan(after - 50);
  expect(await child.exited).toMatchObject({ code: null, signal });
  expect(bearers(child.marker)).toEqual([]);
});

test.for([
  ['ends with its input', [], (child: { close(): Promise<void> }) => void child.close()],
  ['exits by itself', ['crash'], () => {}],
  ['is killed', ['deaf'], (child: { kill(): void }) => child.kill()],
] as const)('nothing that a child started is left when it %s', async ([, how, finish]) => {
  const child = childOf(behaviour('family', ...how));
  const heard = listenTo(child);
  await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
  const { pids } = (heard[0] as unknown as { params: { pids: number[] } }).params;
  expect(pids).toHaveLength(2);
  finish(child);
  await child.gone;
  expect(pids.filter(alive)).toEqual([]);
  expect(bearers(child.marker)).toEqual([]);
});
