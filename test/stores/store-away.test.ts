import { connect, createServer, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { RedisServer } from '../fixtures/redis.ts';
import { contents, newSession, type Pod, redisForTest, startPod } from './pod.ts';

/** Time limits here leave a busy machine half of what a fault would take. */
const SOON = { timeout: 10_000 };

/** A pod with some sessions, all stored, each with an event more than the one before. */
async function podWithSessions(redis: RedisServer, count: number): Promise<Pod> {
  const pod = await startPod(redis.url, 'pod-one1');
  for (let i = 0; i < count; i++) {
    const session = pod.open();
    for (let j = 0; j < i; j++) session.append('"more"');
  }
  await pod.stored();
  return pod;
}

/** What the store should have of a pod's sessions. */
const heldBy = ({ sessions }: Pod) =>
  new Map(
    [...sessions].map(([id, session]) => [
      id,
      { epoch: session.record.epoch, events: session.snapshot().log.events.length },
    ]),
  );

/** Milliseconds until the store has every session of the pod, whole. */
async function caughtUp(redis: RedisServer, pod: Pod): Promise<number> {
  const start = performance.now();
  await vi.waitFor(async () => expect(await contents(redis)).toEqual(heldBy(pod)), { timeout: 10_000, interval: 20 });
  return performance.now() - start;
}

async function timed<T>(promise: Promise<T>): Promise<[answer: T, milliseconds: number]> {
  const start = performance.now();
  return [await promise, performance.now() - start];
}

const levels = ({ logged }: Pod) => logged.map((line) => JSON.parse(line).level);

test('a store that was killed and comes back empty gets everything again; meanwhile nobody waits', async () => {
  const redis = await redisForTest();
  const pod = await podWithSessions(redis, 20);
  await redis.kill();
  await vi.waitUntil(() => !pod.store.available, SOON);

  const start = performance.now();
  const used = [...pod.sessions.values()].slice(0, 5);
  for (let i = 0; i < 1_000; i++) for (const session of used) pod.store.changed(session);
  pod.open();
  pod.store.publish('unheard');
  expect(performance.now() - start).toBeLessThan(500);
  expect(pod.store.notStored).toBe(6);

  const id = used[0]?.record.id ?? '';
  const [answers, milliseconds] = await timed(
    Promise.all([
      pod.store.find(id),
      pod.store.takeOver(id, 'pod-one1'),
      pod.store.superseded([{ id, epoch: 1 }]),
      pod.store.tags(),
    ]),
  );
  expect(answers).toEqual(['away', 'away', 'away', []]);
  expect(milliseconds).toBeLessThan(2_000);

  await redis.start();
  await caughtUp(redis, pod);
  await pod.stored();
  expect(levels(pod)).toEqual(['info', 'warn', 'info']);
});

test('what was removed while the store was away does not come back with it', async () => {
  const redis = await redisForTest();
  const pod = await podWithSessions(redis, 3);
  const [gone] = pod.sessions.values();
  redis.pause();
  await vi.waitUntil(() => !pod.store.available, SOON);
  pod.sessions.delete(gone?.record.id ?? '');
  pod.store.removed((gone ?? newSession('')).record);
  redis.resume();
  await caughtUp(redis, pod);
  expect(await contents(redis)).toHaveLength(2);
});

test('a store that was emptied under a live connection has everything again within 3 s', async () => {
  const redis = await redisForTest();
  const pod = await podWithSessions(redis, 20);
  await redis.client.flushall();
  expect(await caughtUp(redis, pod)).toBeLessThan(3_000);
});

test('a question to a store that hangs is answered within a second, and all is stored when it goes on', async () => {
  const redis = await redisForTest();
  const pod = await podWithSessions(redis, 20);
  redis.pause();
  const [session] = pod.sessions.values();
  if (session === undefined) throw new Error('There is no session.');
  const { id } = session.record;
  session.append('"while it hangs"');
  pod.store.changed(session);
  const [answers, milliseconds] = await timed(Promise.all([pod.store.find(id), pod.store.takeOver(id, 'pod-one1')]));
  expect(answers).toEqual(['away', 'away']);
  expect(milliseconds).toBeLessThan(2_000);
  expect(pod.store.notStored).toBe(1);
  await vi.waitUntil(() => !pod.store.available, SOON);
  expect((await timed(pod.store.find(id)))[1]).toBeLessThan(500);

  redis.resume();
  // The take-over that nobody waits for any more, which the server read late, moved nothing: the epoch is still 1.
  await caughtUp(redis, pod);
  await vi.waitUntil(() => pod.store.available, { timeout: 5_000 });
  await pod.stored();
  expect(await contents(redis)).toEqual(heldBy(pod));
  expect(pod.superseded).toEqual([]);
  expect(levels(pod)).toEqual(['info', 'warn', 'info']);
});

test('what arrives late from a connection that was given up changes nothing', async () => {
  const redis = await redisForTest();
  const detour = await startDetour(redis.port);
  const pod = await startPod(`redis://127.0.0.1:${detour.port}`, 'pod-one1');
  const released = detour.hold();
  const session = pod.open();
  session.append('"held up"');
  await vi.waitUntil(() => !pod.store.available, SOON);
  await vi.waitUntil(() => pod.store.available, { timeout: 5_000 });
  session.append('"newer"');
  pod.store.changed(session);
  await pod.stored();
  expect(await contents(redis)).toEqual(heldBy(pod));
  await released();
  expect(await contents(redis)).toEqual(heldBy(pod));
});

/** A way to a port on which the connections of now can be held up: what they carry arrives when they are released. */
async function startDetour(to: number) {
  const links: { from: Socket; upstream: Socket }[] = [];
  const server = createServer({ allowHalfOpen: true }, (from) => {
    const upstream = connect(to, '127.0.0.1');
    links.push({ from, upstream });
    from.on('error', () => undefined).on('data', (data) => upstream.write(data));
    upstream.on('error', () => undefined).on('data', (data) => from.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const { from, upstream } of links) {
      from.destroy();
      upstream.destroy();
    }
    server.close();
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    /** Answers what releases them, fulfilled when the server has answered all that was held. */
    hold() {
      const held = links.splice(0).map((link) => {
        const data: Buffer[] = [];
        link.from.removeAllListeners('data').on('data', (chunk) => data.push(chunk));
        return { ...link, data };
      });
      return async () => {
        for (const { from, upstream, data } of held) {
          expect(Buffer.concat(data).toString()).toContain('held up');
          const answered = new Promise((resolve) => upstream.once('data', resolve));
          upstream.write(Buffer.concat(data));
          await answered;
          from.destroy();
          upstream.destroy();
        }
      };
    },
  };
}

test('a store that is not there at the start is a warning, and is used when it comes', async () => {
  const redis = await redisForTest();
  await redis.kill();
  const pod = await startPod(redis.url, 'pod-one1');
  expect(pod.store.available).toBe(false);
  pod.open();
  expect(levels(pod)).toEqual(['warn']);
  await redis.start();
  await caughtUp(redis, pod);
  expect(levels(pod)).toEqual(['warn', 'info']);
});

test('a store that forgot its scripts is used on', async () => {
  const redis = await redisForTest();
  const pod = await podWithSessions(redis, 2);
  await redis.client.script('FLUSH');
  for (const session of pod.sessions.values()) {
    session.append('"after"');
    pod.store.changed(session);
  }
  await pod.stored();
  expect(await contents(redis)).toEqual(heldBy(pod));
});

test('a store that is full is a warning, and gets everything when it has room', async () => {
  const redis = await redisForTest();
  const pod = await podWithSessions(redis, 2);
  await redis.client.config('SET', 'maxmemory', '1');
  pod.open();
  await vi.waitUntil(() => levels(pod).includes('warn'), SOON);
  await vi.waitUntil(() => !pod.store.available, SOON);
  expect(pod.store.notStored).toBe(1);
  await redis.client.config('SET', 'maxmemory', '0');
  await caughtUp(redis, pod);
  await pod.stored();
  expect(levels(pod).filter((level) => level === 'warn').length).toBeLessThanOrEqual(2);
});

test('closing writes what is left, and a store that hangs does not hold it up', async () => {
  const redis = await redisForTest();
  const [one, two] = [await startPod(redis.url, 'pod-one1'), await startPod(redis.url, 'pod-two2')];
  one.open();
  await one.store.close();
  expect(await contents(redis)).toEqual(heldBy(one));
  redis.pause();
  two.open();
  expect((await timed(two.store.close()))[1]).toBeLessThan(3_000);
});

test('ten thousand sessions are written again while the event loop turns', async () => {
  const redis = await redisForTest();
  const pod = await startPod(redis.url, 'pod-one1');
  for (let i = 0; i < 10_000; i++) {
    const session = newSession(pod.owner);
    session.append('x'.repeat(2_000));
    pod.sessions.set(session.record.id, session);
  }
  await redis.kill();
  await vi.waitUntil(() => !pod.store.available, SOON);
  await redis.start();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await vi.waitUntil(async () => (await redis.client.dbsize()) > 20_000, { timeout: 20_000, interval: 50 });
  delay.disable();
  // One batch takes some milliseconds; ten thousand at once took seconds.
  expect(delay.max / 1e6).toBeLessThan(1_000);
  await pod.stored();
});
