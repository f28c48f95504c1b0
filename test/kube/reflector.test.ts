import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { httpConnection } from '../../src/kube/connection.ts';
import { kinds } from '../../src/kube/kinds.ts';
import { KubeApi } from '../../src/kube/kube-api.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { Reflector, type ReflectorOptions } from '../../src/kube/reflector.ts';
import { FakeKubeApi } from '../fixtures/fake-kube-api/fake-kube-api.ts';
import { playServer } from './played-server.ts';

let fake: FakeKubeApi;
let leave: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  fake = await FakeKubeApi.start({ bookmarkMs: 20 });
  leave = new AbortController();
  running = [];
});
afterEach(async () => {
  leave.abort();
  await Promise.all(running);
  await fake.stop();
});

const pod = (name: string, image = 'a:1', namespace = 'team') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { image },
});
type Pod = KubeObject & ReturnType<typeof pod>;

/** A running reflector of pods that keeps their images. */
function reflect(options: Partial<ReflectorOptions<Pod, string>> = {}) {
  const told: string[] = [];
  const world = { missed: 0 };
  const reflector = new Reflector<Pod, string>({
    api: fake.api(),
    kind: kinds.pod,
    selections: [{}],
    keep: ({ spec }) => spec.image,
    changed: (key, now, before) => void told.push(`${key}: ${before ?? 'none'} → ${now ?? 'none'}`),
    missed: (count) => {
      world.missed += count;
    },
    log: pino({ level: 'silent' }),
    retryMs: [20, 200],
    ...options,
  });
  running.push(reflector.run(leave.signal));
  const held = () => Object.fromEntries(reflector.entries());
  return { reflector, told, held, world };
}

const watched = () => expect.poll(() => fake.watches(kinds.pod)).toBe(1);

test('it holds what there is, then what changes, and tells of each change once', async () => {
  fake.put(pod('a'));
  const { reflector, told } = reflect();
  expect(reflector.synced).toBe(false);
  await reflector.whenSynced();
  expect(reflector.get('team/a')).toBe('a:1');
  expect(reflector.size).toBe(1);
  fake.put(pod('b'));
  fake.put(pod('b', 'a:2'));
  fake.remove(kinds.pod, 'team', 'a');
  await expect
    .poll(() => told)
    .toEqual(['team/a: none → a:1', 'team/b: none → a:1', 'team/b: a:1 → a:2', 'team/a: a:1 → none']);
  expect(reflector.get('team/a')).toBeUndefined();
  expect([...reflector.entries()]).toEqual([['team/b', 'a:2']]);
});

test('of several namespaces it holds those and no others', async () => {
  for (const namespace of ['one', 'two', 'three']) fake.put(pod('a', 'a:1', namespace));
  const { reflector, held } = reflect({ selections: [{ namespace: 'one' }, { namespace: 'two' }] });
  await reflector.whenSynced();
  expect(held()).toEqual({ 'one/a': 'a:1', 'two/a': 'a:1' });
  expect(reflector.get('two/a')).toBe('a:1');
  expect(reflector.size).toBe(2);
});

test('it is not synced before every list has come, however often that fails', async () => {
  fake.put(pod('a'));
  fake.failNext('list pods', 403, 2);
  fake.failNext('list pods', 'drop');
  const { reflector, held } = reflect();
  await expect.poll(() => fake.requests['list pods']).toBe(2);
  expect(reflector.synced).toBe(false);
  await reflector.whenSynced();
  expect(held()).toEqual({ 'team/a': 'a:1' });
  expect(fake.requests['list pods']).toBe(4);
});

test('waiting for it ends when whoever waits leaves', async () => {
  fake.failNext('list pods', 403, 100);
  const { reflector } = reflect();
  const impatient = new AbortController();
  const waiting = reflector.whenSynced(impatient.signal);
  impatient.abort(new Error('no longer'));
  await expect(waiting).rejects.toThrow('no longer');
  await expect(reflector.whenSynced(impatient.signal)).rejects.toThrow('no longer');
});

test('it ends when told to, and leaves no watch behind', async () => {
  reflect();
  await watched();
  leave.abort();
  await Promise.all(running);
  await expect.poll(() => fake.watches()).toBe(0);
});

describe('what goes wrong', () => {
  test('a restart of the API server: it goes on from where it was, without a list', async () => {
    fake.put(pod('a'));
    const { held, world } = reflect();
    await watched();
    await fake.goAway();
    fake.put(pod('b'));
    fake.remove(kinds.pod, 'team', 'a');
    await fake.comeBack();
    await expect.poll(held, { timeout: 5_000 }).toEqual({ 'team/b': 'a:1' });
    expect(fake.requests['list pods']).toBe(1);
    expect(world.missed).toBe(0);
  });

  test('connections that drop, and watches that end as they do every few minutes', async () => {
    const { held, told } = reflect();
    for (const [index, gracefully] of [false, true, false].entries()) {
      await watched();
      fake.dropWatches({ gracefully });
      fake.put(pod(`pod-${index}`));
      await expect.poll(() => Object.keys(held()), { timeout: 5_000 }).toContain(`team/pod-${index}`);
    }
    expect(told).toEqual(['team/pod-0: none → a:1', 'team/pod-1: none → a:1', 'team/pod-2: none → a:1']);
    expect(fake.requests['list pods']).toBe(1);
  });

  test('a history that is gone: it lists anew, tells what changed, and counts it', async () => {
    fake.put(pod('same'));
    fake.put(pod('changed'));
    fake.put(pod('gone'));
    const { held, told, world } = reflect();
    await watched();
    told.length = 0;
    fake.unnoticed(() => {
      fake.put(pod('new'));
      fake.put(pod('changed', 'a:2'));
      fake.remove(kinds.pod, 'team', 'gone');
      fake.expireResourceVersions();
      fake.dropWatches();
    });
    await expect
      .poll(held, { timeout: 5_000 })
      .toEqual({ 'team/same': 'a:1', 'team/changed': 'a:2', 'team/new': 'a:1' });
    expect(told.sort()).toEqual(['team/changed: a:1 → a:2', 'team/gone: a:1 → none', 'team/new: none → a:1']);
    expect(world.missed).toBe(3);
    fake.put(pod('later'));
    await expect.poll(() => held()['team/later']).toBe('a:1');
  });

  test('garbage in a watch', async () => {
    const { held } = reflect();
    await watched();
    fake.garbleWatches();
    fake.put(pod('a'));
    await expect.poll(held, { timeout: 5_000 }).toEqual({ 'team/a': 'a:1' });
  });

  test('a watch that the server refuses again and again: it lists anew', async () => {
    fake.failNext('watch pods', 504, 4);
    const { reflector } = reflect();
    await reflector.whenSynced();
    await expect.poll(() => fake.requests['list pods'], { timeout: 10_000 }).toBe(2);
    await expect.poll(() => fake.watches(), { timeout: 10_000 }).toBe(1);
  });

  test('a server that went back to an earlier state: what it has now counts', async () => {
    for (let round = 0; round < 10; round++) fake.put(pod('a', `a:${round}`));
    const { held } = reflect();
    await watched();
    const { url } = fake;
    await fake.stop();
    fake = await FakeKubeApi.start({ port: Number(new URL(url).port) });
    fake.put(pod('of-old'));
    await expect.poll(held, { timeout: 15_000 }).toEqual({ 'team/of-old': 'a:1' });
  });

  test('a server that is away is not asked before the time that it names', async () => {
    fake.failNext('list pods', 503, 1, { 'retry-after': '1' });
    const begun = performance.now();
    await reflect().reflector.whenSynced();
    expect(performance.now() - begun).toBeGreaterThanOrEqual(1_000);
  });

  test('a server that ends each watch at once is asked less and less often', async () => {
    const times: number[] = [];
    const server = await playServer((request, response) => {
      if (!request.url?.includes('watch=true'))
        return void response.end('{"items":[],"metadata":{"resourceVersion":"7"}}');
      times.push(performance.now());
      response.end();
    });
    const api = new KubeApi({ connection: httpConnection(server.url) });
    reflect({ api, retryMs: [50, 30_000] });
    await expect.poll(() => times.length, { timeout: 5_000 }).toBe(4);
    // At least 50 ms, then 100, then 200; a timer may be a millisecond early.
    expect((times[3] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(345);
    leave.abort();
    await Promise.all(running);
    api.close();
    await server.close();
  });

  test('an object that cannot be kept, and somebody who fails to hear of a change', async () => {
    fake.put(pod('a'));
    fake.put(pod('bad'));
    const { reflector, held } = reflect({
      keep({ metadata, spec }) {
        if (metadata.name === 'bad') throw new Error('cannot be kept');
        return spec.image;
      },
      changed() {
        throw new Error('cannot be told');
      },
    });
    await reflector.whenSynced();
    fake.put(pod('bad', 'a:2'));
    fake.put(pod('b'));
    await expect.poll(held).toEqual({ 'team/a': 'a:1', 'team/b': 'a:1' });
    expect(fake.requests['list pods']).toBe(1);
  });
});

describe('a kind that the cluster lacks', () => {
  test('counts as synced, and is found when it comes', async () => {
    fake.lack(kinds.pod);
    const { reflector, held } = reflect({ absentMs: 50 });
    await reflector.whenSynced();
    expect(reflector).toMatchObject({ absent: true, synced: true, size: 0 });
    fake.offer(kinds.pod);
    fake.put(pod('a'));
    await expect.poll(held).toEqual({ 'team/a': 'a:1' });
    expect(reflector.absent).toBe(false);
  });

  test('from now on: what there was of it is gone', async () => {
    fake.put(pod('a'));
    const { reflector, told } = reflect({ absentMs: 50 });
    await watched();
    fake.lack(kinds.pod);
    fake.dropWatches({ gracefully: true });
    await expect.poll(() => reflector.absent, { timeout: 5_000 }).toBe(true);
    expect(told).toEqual(['team/a: none → a:1', 'team/a: a:1 → none']);
  });

  test('is asked for rarely', async () => {
    fake.lack(kinds.pod);
    await reflect({ absentMs: 60_000 }).reflector.whenSynced();
    expect(fake.requests['get /api/v1/pods?limit=500']).toBe(1);
  });
});

describe('what may not be listed', () => {
  test('counts as synced after a few tries, is warned of once, and is found when it may', async () => {
    const lines: { level: number; msg: string; namespace?: string }[] = [];
    const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line)) });
    for (const namespace of ['mine', 'theirs']) fake.put(pod('a', 'a:1', namespace));
    fake.failNext(({ path }) => path.includes('/theirs/'), 403, 1_000);
    const { reflector, held, world } = reflect({
      ...{ log, retryMs: [10, 20] },
      selections: [{ namespace: 'mine' }, { namespace: 'theirs' }],
    });
    await reflector.whenSynced();
    expect(reflector).toMatchObject({ synced: true, absent: false });
    expect(held()).toEqual({ 'mine/a': 'a:1' });
    await expect.poll(() => fake.requests['list pods']).toBeGreaterThan(25);
    expect(lines).toMatchObject([{ namespace: 'theirs', msg: 'Went on without what may not be listed' }]);
    fake.heal();
    await expect.poll(held).toEqual({ 'mine/a': 'a:1', 'theirs/a': 'a:1' });
    expect(world.missed).toBe(0);
  });

  test('from now on: what was seen of it stays, as nobody says that it is gone', async () => {
    fake.put(pod('a'));
    const { told } = reflect({ retryMs: [5, 10] });
    await watched();
    fake.failNext(() => true, 403, 1_000);
    fake.dropWatches();
    await expect.poll(() => fake.requests['list pods'], { timeout: 5_000 }).toBeGreaterThan(5);
    expect(told).toEqual(['team/a: none → a:1']);
    fake.put(pod('b'));
    fake.remove(kinds.pod, 'team', 'a');
    fake.heal();
    await expect.poll(() => told.slice(1).sort()).toEqual(['team/a: a:1 → none', 'team/b: none → a:1']);
  });

  test.for([401, 500, 503, 'drop'] as const)('is not told by a server that is away: %s', async (answer) => {
    fake.failNext('list pods', answer, 1_000);
    const { reflector } = reflect({ retryMs: [5, 10] });
    await expect.poll(() => fake.requests['list pods']).toBeGreaterThan(10);
    expect(reflector.synced).toBe(false);
    fake.heal();
    await reflector.whenSynced();
  });
});

describe('a list now and then', () => {
  test('finds what the watch has missed, tells it and counts it', async () => {
    for (const name of ['same', 'changed', 'gone']) fake.put(pod(name));
    const { held, told, world } = reflect({ relistMs: 100 });
    await watched();
    told.length = 0;
    fake.unnoticed(() => {
      fake.put(pod('new'));
      fake.put(pod('changed', 'a:2'));
      fake.remove(kinds.pod, 'team', 'gone');
    });
    await expect.poll(held).toEqual({ 'team/same': 'a:1', 'team/changed': 'a:2', 'team/new': 'a:1' });
    expect(told.sort()).toEqual(['team/changed: a:1 → a:2', 'team/gone: a:1 → none', 'team/new: none → a:1']);
    expect(world.missed).toBe(3);
  });

  test('counts nothing while the watch tells everything, however much changes meanwhile', async () => {
    const { reflector, world } = reflect({ relistMs: 30 });
    await reflector.whenSynced();
    let round = 0;
    // Until there were ten lists in the middle of changes.
    while ((fake.requests['list pods'] ?? 0) < 10) {
      fake.put(pod(`pod-${round % 7}`, `a:${round}`));
      fake.remove(kinds.pod, 'team', `pod-${(round + 3) % 7}`);
      round++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const left = fake.objects<Pod>(kinds.pod).map(({ metadata, spec }) => [`team/${metadata.name}`, spec.image]);
    await expect.poll(() => [...reflector.entries()].sort()).toEqual(left.sort());
    expect(world.missed).toBe(0);
    expect(round).toBeGreaterThan(50);
  });
});
