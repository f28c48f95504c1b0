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

describe('WorkQueue', () => {
  it('counts what handlers do after their first await as time of the slice', async () => {
    const queue = new WorkQueue();
    let ended = 0;
    const handler = async () => {
      // As many steps as an SDK takes from a request to its answer.
      for (let step = 0; step < 20; step++) await null;
      burn();
      ended++;
    };
    for (let i = 0; i < 40; i++) queue.push('call', () => void handler());
    expect(Math.max(...(await perTurn(() => ended, 40)))).toBeLessThanOrEqual(2);
  });

  it('starts few together once some were costly, however cheap those before were', async () => {
    const queue = new WorkQueue();
    let cheap = 0;
    for (let i = 0; i < 2_000; i++) queue.push('call', () => void cheap++);
    await vi.waitFor(() => expect(cheap).toBe(2_000));
    let costly = 0;
    const handler = async () => {
      await null;
      burn();
      costly++;
    };
    for (let i = 0; i < 100; i++) queue.push('call', () => void handler());
    const [first = 0, ...others] = (await perTurn(() => costly, 100)).filter((served) => served > 0);
    expect(first).toBeLessThanOrEqual(64);
    expect(Math.max(...others)).toBeLessThanOrEqual(2);
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
