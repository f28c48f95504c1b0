import { expect, test } from 'vitest';
import { demandOf } from '../../../src/operator/readings/demand.ts';
import { createWorld, podOf, reportOf } from '../pods.ts';

const FLEET = 'mcp/notes';

function worldOf(...names: readonly string[]) {
  const world = createWorld();
  for (const name of names) world.has(podOf(name));
  return { ...world, demand: (target?: number) => demandOf(world.readings.countedOf(FLEET), world.clock(), target) };
}

test('demand is what all living pods hold, those that drain too, and the requests that wait', () => {
  const world = worldOf('a', 'b', 'c');
  world.has(podOf('c', { goneAt: world.clock() + 60_000 }));
  world.hears('a', reportOf(10));
  world.hears('b', reportOf(20, { waiting: 3 }));
  world.hears('c', reportOf(5));
  expect(world.demand()).toEqual({ value: 38, at: world.clock() });
});

test('the refusals of the last five seconds count, and no earlier ones', () => {
  const world = worldOf('a');
  world.hears('a', reportOf(100, { refused: 40 }));
  expect(world.demand(), 'nobody knows when those were').toMatchObject({ value: 100 });
  world.passes(2_000);
  world.hears('a', reportOf(100, { refused: 47 }));
  expect(world.demand()).toMatchObject({ value: 107 });
  for (let round = 0; round < 3; round++) {
    world.passes(2_000);
    world.hears('a', reportOf(100, { refused: 47 }));
  }
  expect(world.demand()).toMatchObject({ value: 100 });
});

test('after a gap the refusals are taken to have come evenly', () => {
  const world = worldOf('a');
  world.hears('a', reportOf(100, { refused: 0 }));
  world.passes(20_000);
  world.hears('a', reportOf(100, { refused: 400 }));
  expect(world.demand()).toMatchObject({ value: 200 });
});

test('a container that was started again counts its refusals from nothing', () => {
  const world = worldOf('a');
  world.hears('a', reportOf(100, { refused: 40 }));
  world.passes(2_000);
  world.hears('a', reportOf(10, { refused: 6 }));
  expect(world.demand()).toMatchObject({ value: 16 });
});

test('a silent pod is taken at its word for 30 s, then as enough to keep it', () => {
  const world = worldOf('a', 'b');
  world.hears('a', reportOf(10));
  world.hears('b', reportOf(20));
  for (let round = 0; round < 15; round++) {
    world.passes(2_000);
    world.hears('a', reportOf(10));
    world.hears('b');
    expect(world.demand(70)).toEqual({ value: 30, at: world.clock() - 2_000 * (round + 1) });
  }
  world.passes(2_000);
  world.hears('a', reportOf(10));
  expect(world.demand(70), 'the target').toEqual({ value: 80, at: world.clock() });
  expect(world.demand(15), 'what it said, if that is more').toEqual({ value: 30, at: world.clock() });
  expect(world.demand(), 'its cap, when no target is known').toEqual({ value: 110, at: world.clock() });
});

test('silent pods never make a fleet grow', () => {
  const world = worldOf('a', 'b', 'c');
  world.hears('a', reportOf(95));
  world.hears('b');
  world.hears('c');
  world.passes(6_000);
  world.hears('a', reportOf(95));
  expect(world.demand(70), 'three pods at the target').toMatchObject({ value: 3 * 70 });
  world.passes(2_000);
  world.hears('a', reportOf(300));
  expect(world.demand(70), 'what is known, when that is more').toMatchObject({ value: 300 });
});

test('a terminating pod that is silent counts no longer than it may take to go', () => {
  const world = worldOf('a', 'b');
  world.hears('a', reportOf(10));
  world.hears('b', reportOf(20));
  world.has(podOf('b', { goneAt: world.clock() + 60_000 }));
  for (let round = 0; round < 30; round++) {
    world.passes(2_000);
    world.hears('a', reportOf(10));
  }
  expect(world.demand(70)).toMatchObject({ value: 30 });
  world.passes(1);
  expect(world.demand(70)).toMatchObject({ value: 10 });
});

test('parked sessions need pods that can keep them, unless they are kept elsewhere', () => {
  const world = worldOf('a', 'b', 'c');
  for (const name of ['a', 'b', 'c']) world.hears(name, reportOf(1, { parked: 500, maxParked: 1_000 }));
  expect(world.demand(70)).toMatchObject({ value: 150 });
  for (const name of ['a', 'b', 'c']) world.hears(name, reportOf(1, { parked: 500 }));
  expect(world.demand(70)).toMatchObject({ value: 3 });
});

test('a pod that has just started holds nothing yet, one that never answers counts as the target', () => {
  const world = worldOf('a');
  world.hears('a', reportOf(10));
  world.has(podOf('new'));
  expect(world.demand(70)).toMatchObject({ value: 10 });
  world.hears('new');
  world.passes(4_000);
  world.hears('a', reportOf(10));
  expect(world.demand(70)).toMatchObject({ value: 10 });
  world.passes(2_000);
  expect(world.demand(70)).toMatchObject({ value: 80 });
});

test('a pod whose container is down holds nothing, whatever it said before', () => {
  const world = worldOf('a', 'b');
  world.hears('a', reportOf(10));
  world.hears('b', reportOf(20));
  world.has(podOf('b', { living: false, container: undefined }));
  expect(world.demand(70)).toMatchObject({ value: 10 });
  world.has(podOf('b'));
  expect(world.demand(70), 'back, and empty').toMatchObject({ value: 10 });
});

test('a kubelet that was restarted, and knows nothing yet of what runs, changes nothing', () => {
  const world = worldOf('a', 'b');
  world.hears('a', reportOf(10));
  world.hears('b', reportOf(20));
  world.has(podOf('b', { living: false, ready: false }));
  world.has(podOf('b', { living: false, ready: false }));
  expect(world.demand(70)).toMatchObject({ value: 30 });
  world.has(podOf('b', { living: false, ready: false, container: 'another' }));
  expect(world.demand(70), 'a container that is new has nothing').toMatchObject({ value: 10 });
});

test('when no pod of a fleet has answered for 30 s there is no number', () => {
  const world = worldOf('a', 'b');
  world.hears('a', reportOf(10));
  world.passes(30_000);
  expect(world.demand(70)).toMatchObject({ value: 10 });
  world.passes(1);
  expect(world.demand(70)).toEqual({ unavailable: expect.stringContaining('30 s') });
});

test('nothing is kept of a pod that is gone', () => {
  const world = worldOf('a', 'b');
  world.hears('a', reportOf(10));
  world.hears('b', reportOf(20));
  world.loses('b');
  expect(world.demand(70)).toMatchObject({ value: 10 });
  expect(world.pods.isLiving('uid-b')).toBe(false);
});
