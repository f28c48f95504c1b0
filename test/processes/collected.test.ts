import { expect, test } from 'vitest';
import { type ServeProcess, startPods } from '../fixtures/fleet-processes.ts';
import { eventually } from '../server/running.ts';
import { modernPost } from '../server/wire.ts';

const listening = { notifications: { toolsListChanged: true } };
/** After which V8 has optimized the code, and lets go of what it does not need any more. */
const WARM_UP = 2_000;

test('a modern listener ends with its client, whatever V8 has collected meanwhile', { timeout: 60_000 }, async () => {
  const { pods } = await startPods(1);
  const [pod] = pods as [ServeProcess];
  const listenAndGo = async () => {
    const gone = new AbortController();
    await modernPost(pod.url, 'subscriptions/listen', listening, gone.signal);
    gone.abort();
  };
  for (let i = 0; i < WARM_UP; i += 20) await Promise.all(Array.from({ length: 20 }, listenAndGo));
  await eventually(
    () => pod.counts(),
    ({ active }) => active === 0,
  );
  const gone = new AbortController();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => modernPost(pod.url, 'subscriptions/listen', listening, gone.signal)),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect((await pod.counts()).active).toBe(20);
  for (let i = 0; i < 5; i++) await pod.heap();
  gone.abort();
  const { requestsInFlight } = await eventually(
    () => pod.counts(),
    ({ active }) => active === 0,
    5_000,
  );
  expect(requestsInFlight.modern).toBe(0);
});
