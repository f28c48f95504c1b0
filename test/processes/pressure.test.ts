import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type ServeProcess, startPods } from '../fixtures/fleet-processes.ts';
import { eventually } from '../server/running.ts';
import { initialize, inSession, modernCall, openSession, post, toolCall } from '../server/wire.ts';

const short = (pod: ServeProcess, what: 'time' | 'memory', is: boolean) =>
  eventually(
    () => pod.counts(),
    ({ shortOf }) => shortOf[what] === is,
  );
const call = async (url: string, id: string, name: string, args: Record<string, unknown>) => {
  const answer = await post(url, toolCall(1, name, args), inSession(id));
  await answer.text();
  return answer.status;
};
const reasonOf = async (answer: Response) => [
  answer.status,
  ((await answer.json()) as { error?: { data?: { reason: string } } }).error?.data?.reason,
];

const collectGarbage = (pod: ServeProcess, id: string) => call(pod.url, id, 'heap', {});

/** Ten clients that leave the process no time for others, until they are told to stop. */
async function keepBusy({ url }: ServeProcess) {
  const ids = await Promise.all(Array.from({ length: 10 }, () => openSession(url)));
  let over = false;
  const statuses = new Set<number>();
  const busy = ids.map(async (id) => {
    while (!over) statuses.add(await call(url, id, 'spin', { ms: 100 }));
  });
  return async () => {
    over = true;
    await Promise.all(busy);
    return [...statuses];
  };
}

test('a pod short of time gives new work to a peer, or refuses it, and serves those who are in', async () => {
  const { pods } = await startPods(2, { args: ['--max-call-delay', '400ms'] });
  const [busy, idle] = pods as [ServeProcess, ServeProcess];
  const member = await openSession(busy.url);
  const before = (await idle.counts()).active;
  const relieve = await keepBusy(busy);
  await short(busy, 'time', true);
  expect(await busy.metric('mcp_pressure{short_of="time"}')).toBe(1);
  expect(await busy.metric('mcp_call_delay_seconds')).toBeGreaterThan(0.2);

  await openSession(busy.url);
  expect((await idle.counts()).active).toBe(before + 1);

  await idle.kill();
  expect(await reasonOf(await post(busy.url, initialize()))).toEqual([503, 'pressure']);
  expect(await reasonOf(await modernCall(busy.url, 'mark', { name: 'new' }))).toEqual([503, 'pressure']);
  expect(await call(busy.url, member, 'mark', { name: 'in' })).toBe(200);
  for (const path of ['/health-check', '/livez']) expect((await fetch(busy.origin + path)).status).toBe(200);
  expect(await relieve()).toEqual([200]);

  await short(busy, 'time', false);
  await openSession(busy.url);
  expect((await busy.counts()).refused).toMatchObject({ capacity: 0, pressure: 2 });
});

test('a pod short of memory refuses new work until there is some again', async () => {
  const { pods } = await startPods(1, { environment: { NODE_OPTIONS: '--max-old-space-size=128' } });
  const [pod] = pods as [ServeProcess];
  const member = await openSession(pod.url);
  await eventually(
    async () => {
      expect(await call(pod.url, member, 'hold', { mebibytes: 2 })).toBe(200);
      await sleep(110);
      return (await pod.counts()).shortOf;
    },
    ({ memory }) => memory,
  );
  expect(await reasonOf(await post(pod.url, initialize()))).toEqual([503, 'pressure']);
  expect(await call(pod.url, member, 'mark', { name: 'in' })).toBe(200);

  expect(await call(pod.url, member, 'hold', { mebibytes: 0 })).toBe(200);
  await collectGarbage(pod, member);
  await short(pod, 'memory', false);
  await openSession(pod.url);
});
