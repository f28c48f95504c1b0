import { describe, expect, test } from 'vitest';
import { createMetricsSource } from '../../../src/operator/readings/metrics-source.ts';
import { createWorld, podOf, reportOf } from '../pods.ts';

function sourceOf(ready = true) {
  const world = createWorld();
  const { pods, readings, clock } = world;
  const source = createMetricsSource({ pods, readings, isReady: () => ready, clock });
  return {
    ...world,
    demand: (target: number | undefined = 10, buffer = 0) => source.demand('mcp', 'notes', { target, buffer }),
    values: () => source.pods('mcp', (labels) => labels['app.kubernetes.io/instance'] === 'notes', 'a=b'),
    source,
  };
}
const cost = (value: number, foreign = false) => ({ cost: { value, foreign } });

describe('a number falls only when the emptiest pods would go', () => {
  test('demand stays as it was told until the deletion costs are right', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(5)));
    world.hears('a', reportOf(9));
    world.hears('b', reportOf(9));
    expect(world.demand()).toMatchObject({ value: 18 });
    world.hears('a', reportOf(1));
    world.hears('b', reportOf(8));
    expect(world.demand(), 'a and b cost the same, and any of them might go').toMatchObject({ value: 18 });
    world.has(podOf('a', cost(0)));
    expect(world.demand()).toMatchObject({ value: 9 });
  });

  test('a lower number that keeps every pod is told at once', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(5)));
    world.hears('a', reportOf(9));
    world.hears('b', reportOf(9));
    world.demand();
    world.hears('a', reportOf(3));
    expect(world.demand()).toMatchObject({ value: 12 });
  });

  test('a replica that has told nothing yet tells nothing lower either', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(5)));
    world.hears('a', reportOf(0));
    world.hears('b', reportOf(9));
    expect(world.demand()).toEqual({ unavailable: expect.stringContaining('deletion costs') });
  });

  test('where somebody else writes the costs, numbers fall as they do', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(5, true)));
    world.hears('a', reportOf(9));
    world.hears('b', reportOf(9));
    world.demand();
    world.hears('a', reportOf(1));
    world.hears('b', reportOf(8));
    expect(world.demand()).toMatchObject({ value: 9 });
  });

  test('the values of the pods are held back the same way', () => {
    const world = sourceOf();
    for (const name of ['a', 'b']) world.has(podOf(name, cost(5)));
    world.hears('a', reportOf(9));
    world.hears('b', reportOf(9));
    const valuesNow = () => {
      const answer = world.values();
      return 'values' in answer ? answer.values.map(({ name, value }) => `${name}=${value}`) : answer;
    };
    expect(valuesNow()).toEqual(['a=9', 'b=9']);
    world.hears('a', reportOf(1));
    world.hears('b', reportOf(8));
    expect(valuesNow()).toEqual(['a=9', 'b=9']);
    world.has(podOf('a', cost(0)));
    expect(valuesNow().toString()).toBe('b=8,a=1');
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
