import { expect, test } from 'vitest';
import { type ServeProcess, startPods, startWorkers } from '../fixtures/fleet-processes.ts';
import { eventually } from '../server/running.ts';
import { events, inSession, messageIn, openSession, post, toolCall } from '../server/wire.ts';
import { redisForTest } from '../stores/pod.ts';
import { keepCalling, mark, markPatiently } from './clients.ts';

type Three = [ServeProcess, ServeProcess, ServeProcess];

const opened = (url: string, count: number) => Promise.all(Array.from({ length: count }, () => openSession(url)));
const stored = (pod: ServeProcess) =>
  eventually(
    () => pod.metric('mcp_sessions_not_stored'),
    (waiting) => waiting === 0,
  );
const held = async (pod: ServeProcess) => {
  const { active, dozing, parked } = (await pod.counts()).sessions;
  return active + dozing + parked;
};

test('with a store, the sessions of a killed pod go on elsewhere within 2 s, each in one place', async () => {
  const redis = await redisForTest();
  const { pods, marks } = await startPods(3, { args: ['--session-store', redis.url] });
  const [victim, second, third] = pods as Three;
  const ids = await opened(victim.url, 60);
  await Promise.all(ids.map((id) => mark(victim.url, id, `first-${id}`)));
  const listeners = ids.slice(0, 15);
  const streams = await Promise.all(
    listeners.map(async (id, index) => {
      const { url } = index % 3 === 0 ? second : victim;
      const stream = events(await fetch(url, { headers: { accept: 'text/event-stream', ...inSession(id) } }));
      return { id, stream, last: (await stream.next()).value?.id ?? '' };
    }),
  );
  await stored(victim);

  await victim.kill();
  const answers = await Promise.all(
    ids.flatMap((id, index) => {
      const urls = index % 2 === 0 ? [second.url, third.url] : [(index % 4 === 1 ? second : third).url];
      return urls.map(async (url, at) => ({ id, ...(await markPatiently(url, id, `${at}-${id}`)) }));
    }),
  );
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  const slowest = Math.max(...answers.map(({ milliseconds }) => milliseconds));
  expect(slowest).toBeLessThan(2_000);
  for (const id of ids) {
    const here = answers.filter((answer) => answer.id === id);
    expect(here.map(({ calls }) => calls).sort()).toEqual(here.length === 2 ? [2, 3] : [2]);
    expect(new Set(here.map(({ pid }) => pid)).size).toBe(1);
  }
  expect((await held(second)) + (await held(third))).toBe(60);
  expect(new Set(marks().map(({ name }) => name)).size).toBe(marks().length);

  // Streams that ran through another pod ended with their owner; all of them resume where the session is now.
  for (const { id, stream, last } of streams) {
    await stream.next().catch(() => undefined);
    const headers = { accept: 'text/event-stream', 'last-event-id': last, ...inSession(id) };
    const resumed = events(await fetch(third.url, { headers }));
    await post(second.url, toolCall(9, 'tell', { text: id }), inSession(id));
    let event = (await resumed.next()).value;
    if (event?.data === '') event = (await resumed.next()).value;
    expect(event && messageIn(event)).toMatchObject({ params: { data: id } });
  }
});

test('a pod that was stopped drops what others took over meanwhile, and serves none of it', async () => {
  const redis = await redisForTest();
  const { pods, marks } = await startPods(3, { args: ['--session-store', redis.url] });
  const [stopped, second, third] = pods as Three;
  const ids = await opened(stopped.url, 30);
  const untouched = await opened(stopped.url, 5);
  // Through the others, so that they have connections to it which look well when it stops.
  const through = (index: number) => (index % 2 === 0 ? second : third).url;
  await Promise.all([...ids, ...untouched].map((id, index) => mark(through(index), id, `first-${id}`)));
  const listeners = await Promise.all(
    ids.slice(0, 3).map((id) => fetch(stopped.url, { headers: { accept: 'text/event-stream', ...inSession(id) } })),
  );
  await stored(stopped);

  stopped.signal('SIGSTOP');
  // These wait in the sockets of a process that does not run.
  const late = ids.slice(0, 10).map((id) => mark(stopped.url, id, `late-${id}`, 20_000));
  const answers = await Promise.all(ids.map((id, index) => markPatiently(through(index), id, `second-${id}`)));
  expect(answers.filter(({ status, calls }) => status !== 200 || calls !== 2)).toEqual([]);
  const more = await Promise.all(ids.map((id) => markPatiently(third.url, id, `third-${id}`)));
  expect(more.filter(({ status, calls }) => status !== 200 || calls !== 3)).toEqual([]);

  stopped.signal('SIGCONT');
  const lateAnswers = await Promise.all(late);
  for (const { status, pid, calls } of lateAnswers) {
    expect([200, 503]).toContain(status);
    if (status === 200) expect({ calls, stale: pid === stopped.pid }).toEqual({ calls: 4, stale: false });
  }
  await eventually(
    () => stopped.metric('mcp_sessions_closed_total{reason="superseded"}'),
    (count) => count === 30,
  );
  expect(await held(stopped)).toBe(5);
  // Their clients come back for another stream, and find the session where it is.
  for (const listener of listeners) expect(await listener.text()).toContain('retry: ');
  expect((await held(second)) + (await held(third))).toBe(30);
  const own = await Promise.all(untouched.map((id) => mark(second.url, id, `own-${id}`)));
  expect(own.map(({ status, pid, calls }) => ({ status, pid, calls }))).toEqual(
    untouched.map(() => ({ status: 200, pid: stopped.pid, calls: 2 })),
  );

  // Nothing that waited anywhere was begun a second time, and no session counted in two places.
  const begun = marks();
  expect(new Set(begun.map(({ name }) => name)).size).toBe(begun.length);
  expect(new Set(begun.map(({ session, calls }) => `${session} ${calls}`)).size).toBe(begun.length);
});

test('without a store a killed pod loses its own sessions only, and 404 is said once it is certain', async () => {
  const { pods, restart } = await startPods(3);
  const [victim, second, third] = pods as Three;
  const lost = await opened(victim.url, 20);
  const others = [...(await opened(second.url, 10)), ...(await opened(third.url, 10))];
  const load = keepCalling([second.url, third.url], others);
  await victim.kill();
  // It may come back any moment, for all that the others know.
  const doubtful = await Promise.all(
    lost.map((id, index) => mark((index % 2 ? second : third).url, id, `doubt-${id}`)),
  );
  expect(doubtful.map(({ status }) => status)).toEqual(lost.map(() => 503));
  const successor = await restart(0);
  const told = await Promise.all(
    lost.flatMap((id) => [successor, second, third].map(({ url }) => markPatiently(url, id, `certain-${id}`))),
  );
  expect(told.map(({ status }) => status)).toEqual(told.map(() => 404));
  const { answered } = await load.stop();
  expect(load.failed).toEqual([]);
  expect(answered).toBeGreaterThan(100);
});

test.each(['without', 'with'])('%s a store, a killed worker is replaced and the others do not notice', async (how) => {
  const redis = how === 'with' ? await redisForTest() : undefined;
  const { supervisor } = await startWorkers(3, ...(redis === undefined ? [] : ['--session-store', redis.url]));
  const { url } = supervisor;

  const ids = await opened(url, 30);
  const owners = new Map(
    await Promise.all(ids.map(async (id) => [id, (await mark(url, id, `first-${id}`)).pid] as const)),
  );
  await stored(supervisor);
  const victim = owners.get(ids[0] ?? '') ?? 0;
  const lost = ids.filter((id) => owners.get(id) === victim);
  const others = ids.filter((id) => owners.get(id) !== victim);
  expect(others.length).toBeGreaterThan(0);

  process.kill(victim, 'SIGKILL');
  await supervisor.logged('Lost worker');
  const load = keepCalling([url], others);
  const answers = await Promise.all(lost.map((id) => markPatiently(url, id, `second-${id}`)));
  const wanted = redis === undefined ? { status: 404, calls: Number.NaN } : { status: 200, calls: 2 };
  expect(answers.map(({ status, calls }) => ({ status, calls }))).toEqual(lost.map(() => wanted));
  await supervisor.logged('Replaced worker');
  if (redis !== undefined) expect(await held(supervisor)).toBe(30);
  await load.stop();
  expect(load.failed).toEqual([]);
});
