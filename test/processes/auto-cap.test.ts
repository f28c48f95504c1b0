import { expect, test } from 'vitest';
import { fixture, serveAuto } from '../fixtures/serve-auto.ts';
import { inSession, openSession, post, toolCall } from '../server/wire.ts';

/** MiB. */
const HEAP = 128;
/** Characters of an answer that fills the event log of a session, which has 64 KiB, but for its envelope. */
const LOG = 65_000;
const AT_ONCE = 16;

/** Does something as many times, some of it at once. */
async function times<T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await act(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

test('a heap of 128 MiB holds as many sessions as berth computed, with their streams, and serves each of them', async () => {
  const { computed, counts, child, maxConnections, url } = await serveAuto(HEAP, fixture('small'));
  expect(computed[0]).toMatchObject({ boundBy: 'heap' });
  // A cap that is far too low would be held as well.
  expect(maxConnections).toBeGreaterThan(300);
  const gone = new AbortController();
  const ids = await times(maxConnections, async () => {
    const id = await openSession(url);
    const stream = await fetch(url, {
      headers: { ...inSession(id), accept: 'text/event-stream' },
      signal: gone.signal,
    });
    expect(stream.status).toBe(200);
    return id;
  });
  expect(await counts()).toMatchObject({ active: maxConnections, max: maxConnections });
  for (const round of [1, 2]) {
    const lengths = await times(maxConnections, async (index) => {
      const answer = await post(url, toolCall(round, 'repeat', { count: LOG }), inSession(ids[index] as string));
      return (await answer.text()).length;
    });
    expect(Math.min(...lengths)).toBeGreaterThan(LOG);
  }
  expect(await counts()).toMatchObject({ active: maxConnections });
  await expect(openSession(url)).rejects.toThrow('503');
  expect(child.exitCode).toBeNull();
  gone.abort();
});
