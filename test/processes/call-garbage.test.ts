import { expect, test } from 'vitest';
import { startPods } from '../fixtures/fleet-processes.ts';
import { inSession, openSession, post, toolCall } from '../server/wire.ts';

const SESSIONS = 20;
/** Enough for some young collections. */
const CALLS = 2_000;
const ROUNDS = 5;

test('what a call was made of is not kept until the next full collection', { timeout: 120_000 }, async () => {
  const { pods } = await startPods(1);
  const [pod] = pods;
  if (pod === undefined) throw new Error('No pod was started.');
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => openSession(pod.url)));
  const call = async () => {
    const inTurn = async (session: string) => {
      for (let id = 0; id < CALLS / SESSIONS; id++) {
        const answer = await post(pod.url, toolCall(id, 'echo', { value: 'x' }), inSession(session));
        expect(await answer.text()).toContain('"result"');
      }
    };
    await Promise.all(sessions.map(inTurn));
  };
  const kept = () => pod.metric('nodejs_heap_space_size_used_bytes{space="old"}');
  await call();
  await pod.heap();
  const grown: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = await kept();
    await call();
    grown.push(((await kept()) - before) / CALLS);
  }
  // A full collection in some of them takes away more than comes.
  const [, , median] = grown.sort((a, b) => a - b);
  expect(median).toBeLessThan(2_000);
});
