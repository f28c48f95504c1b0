import { expect, test, vi } from 'vitest';
import { HeldSession, newSession, redisForTest, startPod } from './pod.ts';

const SOON = { timeout: 10_000 };

test('what was written is found, and taken over as it was, one epoch later', async () => {
  const { url } = await redisForTest();
  const one = await startPod(url, 'pod-one1');
  const two = await startPod(url, 'pod-two2');
  const session = one.open();
  await one.stored();

  expect(await two.store.find(session.record.id)).toEqual({ owner: 'pod-one1', epoch: 1 });
  const { record, log } = session.snapshot();
  const seen = { ifOwner: 'pod-one1', ifEpoch: 1 };
  expect(await two.store.takeOver(record.id, 'pod-two2', seen)).toEqual({
    taken: { record: { ...record, epoch: 2 }, log },
  });
  expect(await one.store.find(record.id)).toEqual({ owner: 'pod-two2', epoch: 2 });
});

test('a session that nobody stored is unknown', async () => {
  const { url } = await redisForTest();
  const { store } = await startPod(url, 'pod-one1');
  expect(await store.find('nobody')).toBe('unknown');
  expect(await store.takeOver('nobody', 'pod-one1')).toBe('unknown');
});

test('of ten take-overs by three pods at once one wins, and the others learn who', async () => {
  const { url } = await redisForTest();
  const lost = await startPod(url, 'pod-lost');
  const { id } = lost.open().record;
  await lost.stored();
  const pods = await Promise.all(['pod-aaaa', 'pod-bbbb', 'pod-cccc'].map((owner) => startPod(url, owner)));
  const calls = Array.from({ length: 10 }, (_, index) => pods[index % 3]).flatMap((pod) => pod ?? []);
  const outcomes = await Promise.all(calls.map((pod) => pod.store.takeOver(id, pod.owner, { ifOwner: 'pod-lost' })));

  const wins = outcomes.flatMap((outcome, index) =>
    typeof outcome === 'object' && 'taken' in outcome ? [calls[index]?.owner] : [],
  );
  expect(wins).toHaveLength(1);
  const rest = outcomes.filter((outcome) => typeof outcome === 'object' && 'heldBy' in outcome);
  expect(rest).toEqual(Array.from({ length: 9 }, () => ({ heldBy: wins[0], epoch: 2 })));
});

test('a pod whose session was taken over neither overwrites nor removes it, and is told', async () => {
  const { url } = await redisForTest();
  const [old, taker] = [await startPod(url, 'pod-old1'), await startPod(url, 'pod-new1')];
  const session = old.open();
  const untouched = old.open();
  await old.stored();
  const { id } = session.record;
  expect(await taker.store.takeOver(id, 'pod-new1', { ifEpoch: 1 })).toHaveProperty('taken');

  const held = [session.record, untouched.record].map(({ id, epoch }) => ({ id, epoch }));
  expect(await old.store.superseded(held)).toEqual(new Set([id]));
  session.append('"late"');
  old.store.changed(session);
  await vi.waitUntil(() => old.superseded.length > 0, SOON);
  expect(old.superseded).toEqual([id]);
  expect(old.store.notStored).toBe(0);

  old.store.removed(session.record);
  old.store.removed(untouched.record);
  await vi.waitUntil(async () => (await taker.store.find(untouched.record.id)) === 'unknown', SOON);
  expect(await taker.store.find(id)).toEqual({ owner: 'pod-new1', epoch: 2 });
  const again = await taker.store.takeOver(id, 'pod-new1');
  expect(again).toMatchObject({ taken: { record: { epoch: 3 }, log: { events: [{ sequence: 1 }] } } });
});

test('of two pods that hold one epoch the one whose write came first keeps the session', async () => {
  const { url } = await redisForTest();
  const [first, second] = [await startPod(url, 'pod-aaaa'), await startPod(url, 'pod-bbbb')];
  const session = first.open();
  await first.stored();
  second.store.changed(new HeldSession(session.snapshot()));
  await vi.waitUntil(() => second.superseded.length > 0, SOON);
  expect(await second.store.find(session.record.id)).toEqual({ owner: 'pod-aaaa', epoch: 1 });
});

test('a session handed over is the new holder’s, whoever writes last', async () => {
  const { url } = await redisForTest();
  const [from, to] = [await startPod(url, 'pod-from'), await startPod(url, 'pod-to11')];
  const session = from.open();
  await from.stored();
  const moved = new HeldSession({ ...session.snapshot(), record: { ...session.record, epoch: 2 } });
  to.store.changed(moved);
  await to.stored();
  from.store.released(session.record.id);
  expect(await from.store.find(session.record.id)).toEqual({ owner: 'pod-to11', epoch: 2 });
  from.store.changed(session);
  await vi.waitUntil(() => from.superseded.length > 0, SOON);
});

test('the store lets a session expire that no pod holds, and none that one holds', async () => {
  const { url } = await redisForTest();
  const dead = await startPod(url, 'pod-dead', { idleTimeout: 1_500 });
  const alive = await startPod(url, 'pod-live', { idleTimeout: 1_500 });
  const left = dead.open().record.id;
  const held = alive.open().record.id;
  await Promise.all([dead.stored(), alive.stored()]);
  await dead.store.close();
  expect(await alive.store.find(left)).toHaveProperty('owner');
  await vi.waitUntil(async () => (await alive.store.find(left)) === 'unknown', { timeout: 5_000 });
  // Twice as long as it would live by itself.
  const end = performance.now() + 1_500;
  await vi.waitUntil(() => performance.now() > end, { timeout: 5_000 });
  expect(await alive.store.find(held)).toHaveProperty('owner');
});

test('a burst of a thousand changes is a handful of writes, and the newest state wins', async () => {
  const redis = await redisForTest();
  const pod = await startPod(redis.url, 'pod-one1');
  const session = pod.open();
  for (let i = 0; i < 1_000; i++) {
    session.append(String(i));
    pod.store.changed(session);
    if (i % 10 === 0) await new Promise(setImmediate);
  }
  await pod.stored();
  const writes = /cmdstat_hset:calls=(\d+)/.exec(await redis.client.info('commandstats'))?.[1];
  expect(Number(writes)).toBeLessThanOrEqual(10);
  const { record, log } = session.snapshot();
  expect(await pod.store.takeOver(record.id, 'pod-one1')).toEqual({ taken: { record: { ...record, epoch: 2 }, log } });
});

test('using a session without changing it is no write', async () => {
  const redis = await redisForTest();
  const pod = await startPod(redis.url, 'pod-one1');
  const session = pod.open();
  await pod.stored();
  for (let i = 0; i < 3; i++) {
    pod.store.changed(session);
    await pod.stored();
  }
  expect(await redis.client.info('commandstats')).toContain('cmdstat_hset:calls=1,');
});

test('using a session keeps it for another idle timeout', async () => {
  const redis = await redisForTest();
  const pod = await startPod(redis.url, 'pod-one1', { idleTimeout: 10_000 });
  const session = pod.open();
  await pod.stored();
  const key = `berth:test:{${session.record.id}}:record`;
  await vi.waitUntil(async () => (await redis.client.pttl(key)) < 7_400, { timeout: 5_000 });
  pod.store.changed(session);
  await pod.stored();
  expect(await redis.client.pttl(key)).toBeGreaterThan(9_000);
  expect(await redis.client.pttl(`berth:test:{${session.record.id}}:log`)).toBeGreaterThan(9_000);
});

test('a change is told to the other pods of the fleet only', async () => {
  const { url } = await redisForTest();
  const [one, two] = [await startPod(url, 'pod-one1'), await startPod(url, 'pod-two2')];
  const other = await startPod(url, 'pod-two2', { fleet: 'other' });
  const heard: string[] = [];
  for (const pod of [one, two, other]) pod.store.onChange((change) => heard.push(`${pod.owner} ${change}`));
  one.store.publish('{"a":\n"é"}');
  await vi.waitUntil(() => heard.length > 0, SOON);
  two.store.publish('back');
  await vi.waitUntil(() => heard.length > 1, SOON);
  expect(heard).toEqual(['pod-two2 {"a":\n"é"}', 'pod-one1 back']);
});

test('the tags are those of the pods that were alive within the idle timeout', async () => {
  const { url } = await redisForTest();
  const [one, gone] = [
    await startPod(url, 'pod-one1', { idleTimeout: 2_500 }),
    await startPod(url, 'pod-gone', { idleTimeout: 2_500 }),
  ];
  expect([...(await one.store.tags())].sort()).toEqual(['pod-gone', 'pod-one1']);
  await gone.store.close();
  await vi.waitUntil(async () => (await one.store.tags()).length === 1, { timeout: 5_000 });
  expect(await one.store.tags()).toEqual(['pod-one1']);
});

test('a session that has no JSON is named in the log and troubles no other', async () => {
  const { url } = await redisForTest();
  const pod = await startPod(url, 'pod-one1');
  const odd = newSession('pod-one1');
  odd.record.state = { count: 1n };
  pod.store.changed(odd);
  await pod.stored();
  pod.store.changed(odd);
  const { id } = pod.open().record;
  await pod.stored();
  expect(await pod.store.find(id)).toHaveProperty('owner');
  expect(pod.logged.filter((line) => line.includes(odd.record.id))).toHaveLength(1);
});

test('a password is used, and never logged', async () => {
  const { port } = await redisForTest('--requirepass', 'top%secret/1');
  const url = (password: string) => `redis://default:${encodeURIComponent(password)}@127.0.0.1:${port}/3`;
  const right = await startPod(url('top%secret/1'), 'pod-one1');
  expect(right.store.available).toBe(true);
  right.open();
  await right.stored();
  const wrong = await startPod(url('another-secret'), 'pod-two2');
  expect(wrong.store.available).toBe(false);
  expect(wrong.logged).toHaveLength(1);
  expect(wrong.logged[0]).toContain('WRONGPASS');
  expect([...right.logged, ...wrong.logged].join()).not.toContain('secret');
});
