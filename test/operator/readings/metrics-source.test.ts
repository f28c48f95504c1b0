import { describe, expect, test } from 'vitest';
import { createMetricsSource } from '../../../src/operator/readings/metrics-source.ts';
import { createWorld, podOf, reportOf } from '../pods.ts';

function sourceOf(ready = true) {
  const world = createWorld();
  const { pods, readings, clock } = world;
  const source = createMetricsSource({ pods, readings, isReady: () => ready, clock });
  return {
    ...world,
    demand: (target = 10, buffer = 0) => source.demand('mcp', 'notes', { target, buffer }),
    values: () => source.pods('mcp', (labels) => labels['app.kubernetes.io/instance'] === 'notes', ''),
    source,
  };
}
const cost = (value: number, foreign = false) => ({ cost: { value, foreign } });

describe('a number falls only when the emptiest pods would go', () => {
  test('demand stays as it was told until the deletion costs are right', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(50)));
    world.hears('a', reportOf(90));
    world.hears('b', reportOf(90));
    expect(world.demand(100)).toMatchObject({ value: 180 });
    world.hears('a', reportOf(10));
    world.hears('b', reportOf(80));
    expect(world.demand(100), 'a and b cost the same, and any of them might go').toMatchObject({ value: 180 });
    world.has(podOf('a', cost(10)));
    expect(world.demand(100)).toMatchObject({ value: 90 });
  });

  test('and is held again when they are wrong again, though it does not fall any more', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(name === 'a' ? 0 : 80)));
    world.hears('a', reportOf(60));
    world.hears('b', reportOf(80));
    expect(world.demand(100)).toMatchObject({ value: 140 });
    world.hears('a', reportOf(5));
    expect(world.demand(100)).toMatchObject({ value: 85 });
    world.hears('a', reportOf(80));
    world.hears('b', reportOf(5));
    expect(world.demand(100)).toMatchObject({ value: 140 });
  });

  test('what is held is never more than keeps the pods there are', () => {
    const world = sourceOf();
    for (const name of ['a', 'b', 'c']) world.has(podOf(name, cost(50)));
    for (const name of ['a', 'b', 'c']) world.hears(name, reportOf(100));
    expect(world.demand(70)).toMatchObject({ value: 300 });
    world.hears('a', reportOf(0));
    world.hears('b', reportOf(80));
    world.hears('c', reportOf(40));
    expect(world.demand(70)).toMatchObject({ value: 210 });
  });

  test('a lower number that keeps every pod is told at once', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(5)));
    world.hears('a', reportOf(90));
    world.hears('b', reportOf(90));
    world.demand(70);
    world.hears('a', reportOf(50));
    expect(world.demand(70)).toMatchObject({ value: 140 });
  });

  test('a replica that has told nothing yet tells nothing that would take a pod away', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(50)));
    world.hears('a', reportOf(0));
    world.hears('b', reportOf(90));
    expect(world.demand(100)).toEqual({ unavailable: expect.stringContaining('deletion costs') });
    world.has(podOf('a', cost(0)));
    expect(world.demand(100)).toMatchObject({ value: 90 });
  });

  test('the pod that goes first because it is not Ready must be empty too', () => {
    const world = sourceOf();
    world.has(podOf('a', { ...cost(90), ready: false }));
    world.has(podOf('b', cost(0)));
    world.hears('a', reportOf(90));
    world.hears('b', reportOf(0));
    expect(world.demand(100)).toHaveProperty('unavailable');
    world.has(podOf('a', cost(90)));
    expect(world.demand(100)).toMatchObject({ value: 90 });
  });

  test('a pod that is silent may be full, and must not go first', () => {
    const world = sourceOf();
    for (const name of ['a', 'b', 'c']) world.has(podOf(name));
    for (const name of ['a', 'b', 'c']) world.hears(name);
    world.passes(6_000);
    world.hears('a', reportOf(40));
    world.hears('b', reportOf(10));
    expect(world.demand(70)).toHaveProperty('unavailable');
    world.has(podOf('a', cost(40)));
    world.has(podOf('b', cost(10)));
    world.has(podOf('c', cost(100)));
    expect(world.demand(70)).toMatchObject({ value: 40 + 10 + 70 });
  });

  test('pods that somebody else has marked are left out of it', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(5, true)));
    world.hears('a', reportOf(1));
    world.hears('b', reportOf(80));
    expect(world.demand(100)).toMatchObject({ value: 81 });
  });

  test('the values of the pods are held back the same way, those of pods that are gone are not', () => {
    const world = sourceOf();
    for (const name of ['a', 'b', 'c']) world.has(podOf(name, cost(50)));
    for (const name of ['a', 'b', 'c']) world.hears(name, reportOf(90));
    const valuesNow = () => {
      const answer = world.values();
      return 'values' in answer ? answer.values.map(({ name, value }) => `${name}=${value}`).sort() : answer;
    };
    expect(valuesNow()).toEqual(['a=90', 'b=90', 'c=90']);
    world.loses('c');
    world.hears('a', reportOf(10));
    world.hears('b', reportOf(95));
    expect(valuesNow()).toEqual(['a=90', 'b=95']);
    world.has(podOf('a', cost(10)));
    expect(valuesNow()).toEqual(['a=10', 'b=95']);
  });

  test('a replica that has told no values yet tells them as they are', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(50)));
    world.hears('a', reportOf(10));
    world.hears('b', reportOf(95));
    expect(world.values()).toMatchObject({ values: [{ value: 10 }, { value: 95 }] });
  });
});

test('the buffer is added to the demand', () => {
  const world = sourceOf();
  world.has(podOf('a'));
  world.hears('a', reportOf(9));
  expect(world.demand(100, 20)).toMatchObject({ value: 29 });
});

test('nothing is told before every pod was asked', () => {
  const world = sourceOf(false);
  world.has(podOf('a'));
  world.hears('a', reportOf(9));
  expect(world.demand()).toHaveProperty('unavailable');
  expect(world.values()).toHaveProperty('unavailable');
});

test('a fleet without pods is not known; one of another namespace is another', () => {
  const world = sourceOf();
  world.has(podOf('a', { namespace: 'elsewhere' }));
  world.hears('a', reportOf(9));
  expect(world.demand()).toBeUndefined();
  expect(world.values()).toEqual({ values: [] });
  expect(world.source.demand('elsewhere', 'notes', { target: 10, buffer: 0 })).toMatchObject({ value: 9 });
});

test('a pod that has been silent for 30 s is left out, and when all are there is no answer', () => {
  const world = sourceOf();
  for (const name of ['a', 'b']) world.has(podOf(name));
  world.hears('a', reportOf(9));
  world.hears('b', reportOf(9));
  world.passes(30_001);
  world.hears('a', reportOf(9));
  expect(world.values()).toMatchObject({ values: [{ name: 'a', value: 9, at: world.clock() }] });
  world.passes(30_001);
  expect(world.values()).toHaveProperty('unavailable');
});
