import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type ServeProcess, startPods } from '../fixtures/fleet-processes.ts';
import type { RedisServer } from '../fixtures/redis.ts';
import { eventually } from '../server/running.ts';
import { openSession } from '../server/wire.ts';
import { redisForTest } from '../stores/pod.ts';
import { keepCalling, mark, markPatiently } from './clients.ts';

/** How long the store is away; `OUTAGE_MS=30000` for the full length. */
const OUTAGE_MS = Number(process.env['OUTAGE_MS'] ?? 4_000);

const stored = (pod: ServeProcess) =>
  eventually(
    () => pod.metric('mcp_sessions_not_stored'),
    (waiting) => waiting === 0,
  );

type Three = [ServeProcess, ServeProcess, ServeProcess];

const openOn = async (urls: readonly string[], each: number) =>
  (await Promise.all(urls.map((url) => Promise.all(Array.from({ length: each }, () => openSession(url)))))).flat();

/** Three pods with a store, clients that call all the time through all of them, and sessions that nobody uses meanwhile. */
async function underLoad() {
  const redis = await redisForTest();
  const { pods } = await startPods(3, { args: ['--session-store', redis.url] });
  const urls = pods.map(({ url }) => url);
  const ids = await openOn(urls, 8);
  const quiet = await openOn(urls, 4);
  await Promise.all(quiet.map((id, index) => mark(urls[index % 3] ?? '', id, `first-${id}`)));
  for (const pod of pods) await stored(pod);
  const load = keepCalling(urls, ids, 50);
  return { redis, pods: pods as Three, ids, quiet, urls, load };
}

/** Keys of sessions that the store has. */
const records = async ({ client }: RedisServer) =>
  (await client.keys('berth:*:record')).map((key) => /\{(.*)\}/.exec(key)?.[1]);

/** Opens a session now and then until told to stop; a refusal fails the test. */
function keepOpening(urls: readonly string[]) {
  let over = false;
  const opening = (async () => {
    const opened: string[] = [];
    for (let i = 0; !over; i++) {
      opened.push(await openSession(urls[i % urls.length] ?? ''));
      await sleep(200);
    }
    return opened;
  })();
  return async () => {
    over = true;
    return await opening;
  };
}

test.each([
  ['hangs', (redis: RedisServer) => redis.pause(), (redis: RedisServer) => redis.resume()],
  ['is killed and comes back empty', (redis: RedisServer) => redis.kill(), (redis: RedisServer) => redis.start()],
])('while the store %s nobody is refused, and all is stored afterwards', async (_, begin, end) => {
  const { redis, pods, ids, quiet, urls, load } = await underLoad();
  await begin(redis);
  const openingEnds = keepOpening(urls);
  await sleep(OUTAGE_MS);
  const opened = await openingEnds();
  expect(opened.length).toBeGreaterThan(OUTAGE_MS / 1_000);
  const before = load.answered;
  await end(redis);
  await eventually(
    async () => (await records(redis)).sort(),
    (found) => [...ids, ...quiet, ...opened].every((id) => found.includes(id)),
    10_000,
  );
  await load.stop();
  expect(load.failed).toEqual([]);
  expect(before).toBeGreaterThan(ids.length);
  for (const pod of pods) expect(await pod.metric('mcp_sessions_closed_total{reason="superseded"}')).toBe(0);
  const again = await Promise.all(
    [...ids, ...quiet, ...opened].map((id, index) => markPatiently(urls[index % 3] ?? '', id, `after-${id}`)),
  );
  expect(again.filter(({ status, refused }) => status !== 200 || refused > 0)).toEqual([]);
});

test('a store that is emptied under load has everything again before a pod that is killed 3 s later is missed', async () => {
  const { redis, pods, ids, quiet, load } = await underLoad();
  const [victim, ...others] = pods;
  await redis.client.flushall();
  await sleep(3_000);
  await load.stop();
  expect(load.failed).toEqual([]);
  // What the clients saw last is written within the pause that a busy session has.
  await stored(victim);
  await victim.kill();
  const all = [...ids, ...quiet];
  const answers = await Promise.all(
    all.map((id, index) => markPatiently(others[index % 2]?.url ?? '', id, `after-${id}`)),
  );
  expect(answers.map(({ status }) => status)).toEqual(all.map(() => 200));
  expect(answers.map(({ calls }) => calls)).toEqual(all.map((id) => (load.last.get(id) ?? 1) + 1));
});
