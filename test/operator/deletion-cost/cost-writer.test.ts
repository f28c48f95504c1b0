import { pino } from 'pino';
import { expect, test } from 'vitest';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { CostWriter } from '../../../src/operator/deletion-cost/cost-writer.ts';
import { createWorld, podOf, reportOf } from '../pods.ts';

/** A writer whose writes reach the pods, as those that a watch would show. */
function writerOf(fails = false) {
  const world = createWorld();
  const writes: string[] = [];
  const { pods, readings, clock } = world;
  const writer = new CostWriter({
    ...{ pods, readings, clock },
    log: pino({ level: 'silent' }),
    write: async (pod, cost) => {
      writes.push(`${pod.name}=${cost}`);
      if (fails) throw new KubeError('no', { status: 409, reason: 'Conflict' });
      world.has(podOf(pod.name, { fleet: pod.fleet, labels: pod.labels, cost: { value: cost, foreign: false } }));
    },
  });
  /** What is written until nothing is left to write, a second at a time. */
  const writeAll = async () => {
    writes.length = 0;
    for (let second = 0; second < 40; second++) {
      const stop = new AbortController();
      const running = writer.run(stop.signal);
      stop.abort();
      await running;
      if (writer.due().length === 0) return [...writes];
      world.passes(1_000);
    }
    return [...writes];
  };
  return { ...world, writer, writes, writeAll };
}

test('every pod of a fleet gets the cost of what it holds, only once', async () => {
  const world = writerOf();
  for (const [name, held] of [
    ['a', 9],
    ['b', 0],
    ['c', 50],
  ] as const) {
    world.has(podOf(name));
    world.hears(name, reportOf(held));
  }
  expect((await world.writeAll()).sort()).toEqual(['a=5', 'c=50']);
  expect(await world.writeAll()).toEqual([]);
});

test('a pod is written once in 30 s, and five pods in a second', async () => {
  const world = writerOf();
  for (let index = 0; index < 12; index++) {
    world.has(podOf(`p${index}`));
    world.hears(`p${index}`, reportOf(10 + 5 * index));
  }
  expect(world.writer.due()).toHaveLength(5);
  await world.writeAll();
  world.hears('p0', reportOf(90));
  expect(world.writer.due()).toEqual([]);
  world.passes(30_000);
  world.hears('p0', reportOf(90));
  for (let index = 1; index < 12; index++) world.hears(`p${index}`, reportOf(10 + 5 * index));
  expect(world.writer.due().map(({ pod, cost }) => [pod.name, cost])).toEqual([['p0', 90]]);
});

test('a fleet whose wrong pod would go comes first', () => {
  const world = writerOf();
  const other = { fleet: 'other', labels: {} };
  for (let index = 0; index < 6; index++) {
    // Ranked already, only a step behind.
    world.has(podOf(`p${index}`, { cost: { value: index * 10, foreign: false } }));
    world.hears(`p${index}`, reportOf(index * 10 + 5));
  }
  for (const name of ['x', 'y']) world.has(podOf(name, other));
  world.hears('x', reportOf(40));
  world.hears('y', reportOf(0));
  expect(world.writer.due()[0]).toMatchObject({ urgent: true, cost: 40, pod: { name: 'x' } });
});

test('nothing is written where there is no choice, or where somebody else has written', () => {
  const world = writerOf();
  world.has(podOf('alone'));
  world.hears('alone', reportOf(40));
  world.has(podOf('leaving', { goneAt: world.clock() + 60_000 }));
  world.hears('leaving', reportOf(40));
  expect(world.writer.due()).toEqual([]);
  world.has(podOf('theirs', { cost: { value: 3, foreign: true } }));
  world.hears('theirs', reportOf(70));
  expect(world.writer.due()).toEqual([]);
  world.has(podOf('other'));
  world.hears('other', reportOf(20));
  expect(
    world.writer
      .due()
      .map(({ pod }) => pod.name)
      .sort(),
    'theirs stays theirs',
  ).toEqual(['alone', 'other']);
});

test('a write that is refused is not tried again at once', async () => {
  const world = writerOf(true);
  for (const name of ['a', 'b']) world.has(podOf(name));
  world.hears('a', reportOf(40));
  world.hears('b', reportOf(0));
  const stop = new AbortController();
  const running = world.writer.run(stop.signal);
  stop.abort();
  await running;
  expect(world.writes).toEqual(['a=40']);
  expect(world.writer.due()).toEqual([]);
});

test('fleets take turns, so that none waits for ever for one that is never done', async () => {
  const world = writerOf();
  const inFleet = (fleet: string, name: string, held: number) => {
    world.has(podOf(name, { fleet, labels: {} }));
    world.hears(name, reportOf(held));
  };
  for (let index = 0; index < 200; index++) inFleet('busy', `busy-${index}`, index % 90);
  inFleet('quiet', 'x', 60);
  inFleet('quiet', 'y', 0);
  const served: string[] = [];
  for (let second = 0; second < 3; second++) {
    served.push(...world.writer.due().map(({ pod }) => pod.fleet));
    const stop = new AbortController();
    const running = world.writer.run(stop.signal);
    stop.abort();
    await running;
    world.passes(1_000);
  }
  expect(served).toContain('quiet');
});

test('a pod that is silent gets the cost of a full one', () => {
  const world = writerOf();
  for (const name of ['silent', 'a']) world.has(podOf(name));
  world.hears('silent');
  world.passes(6_000);
  world.hears('a', reportOf(40));
  expect(world.writer.due().map(({ pod, cost }) => [pod.name, cost])).toEqual([
    ['silent', 100],
    ['a', 40],
  ]);
});
