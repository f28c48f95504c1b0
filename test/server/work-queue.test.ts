import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WorkQueue } from '../../src/server/work-queue.ts';

/** Keeps the event loop; a slice of calls is two of these. */
function burn(milliseconds = 5): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** How often something happened in each turn of the event loop, from the next on, until it has happened so often. */
async function perTurn(count: () => number, all: number): Promise<number[]> {
  const seen: number[] = [];
  for (let before = count(); count() < all; before = count()) {
    await nextTurn();
    seen.push(count() - before);
  }
  return seen;
}

/** Serves costly calls that are ready at once; answers how many were served in each turn in which some were. */
async function serveCostly(queue: WorkQueue, calls: number, wait?: () => Promise<void>): Promise<number[]> {
  let served = 0;
  const cost = () => {
    burn();
    served++;
  };
  for (let i = 0; i < calls; i++) queue.push('call', () => void (wait === undefined ? cost() : wait().then(cost)));
  return (await perTurn(() => served, calls)).filter((count) => count > 0);
}

async function serveCheap(queue: WorkQueue): Promise<void> {
  let served = 0;
  for (let i = 0; i < 2_000; i++) queue.push('call', () => void served++);
  await vi.waitFor(() => expect(served).toBe(2_000));
}

describe('WorkQueue', () => {
  it('counts what handlers do after their first await as time of the slice', async () => {
    // As many steps as an SDK takes from a request to its answer.
    const served = await serveCostly(new WorkQueue(), 40, async () => {
      for (let step = 0; step < 20; step++) await null;
    });
    expect(Math.max(...served)).toBeLessThanOrEqual(2);
  });

  it('looks at the clock after each handler that does not wait, however cheap those before were', async () => {
    const queue = new WorkQueue();
    await serveCheap(queue);
    expect(Math.max(...(await serveCostly(queue, 40)))).toBeLessThanOrEqual(2);
  });

  it('starts a limited number of costly calls after cheap ones, and few from then on', async () => {
    const queue = new WorkQueue();
    await serveCheap(queue);
    const [first = 0, ...others] = await serveCostly(queue, 100, () => Promise.resolve());
    expect(first).toBeLessThanOrEqual(32);
    expect(Math.max(...others)).toBeLessThanOrEqual(2);
  });

  it('remembers through a quiet time that calls were costly', async () => {
    const queue = new WorkQueue();
    await serveCheap(queue);
    await serveCostly(queue, 100, () => Promise.resolve());
    for (let i = 0; i < 100; i++) {
      queue.push('call', () => {});
      await nextTurn();
    }
    expect(Math.max(...(await serveCostly(queue, 40, () => Promise.resolve())))).toBeLessThanOrEqual(4);
  });

  it('has calls served before openings, of which one is served each turn', async () => {
    const queue = new WorkQueue();
    const served = { call: 0, opening: 0 };
    for (const lane of ['opening', 'call'] as const) {
      for (let i = 0; i < 10; i++) {
        queue.push(lane, () => {
          burn();
          served[lane]++;
        });
      }
    }
    const openings = perTurn(() => served.opening, 10);
    const calls = await perTurn(() => served.call, 10);
    expect(Math.max(...calls)).toBe(2);
    expect(served.opening).toBeLessThanOrEqual(calls.length);
    expect(Math.max(...(await openings))).toBe(1);
  });

  it('serves what is pushed while it works', async () => {
    const queue = new WorkQueue();
    const served: string[] = [];
    queue.push('call', () => {
      served.push('first');
      queue.push('call', () => served.push('second'));
      queue.push('opening', () => served.push('third'));
    });
    await vi.waitFor(() => expect(served).toHaveLength(3));
    expect(served[0]).toBe('first');
    queue.push('call', () => served.push('after a rest'));
    await vi.waitFor(() => expect(served.at(-1)).toBe('after a rest'));
  });

  it('goes on after work that throws', async () => {
    const warned = vi.fn();
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    const queue = new WorkQueue();
    const served = vi.fn();
    queue.push('call', () => {
      throw new Error('no luck');
    });
    queue.push('call', served);
    await vi.waitFor(() => expect(served).toHaveBeenCalled());
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ message: 'no luck' }));
  });
});
