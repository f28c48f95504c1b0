import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import type { Observed } from '../../../src/operator/reconcile/conditions.ts';
import { FleetLoop } from '../../../src/operator/reconcile/fleet-loop.ts';
import { DEFAULT_OBJECTS, type DeploymentObject, EVERYTHING, World } from './world.ts';

/** A leader at work, by its own clock: nobody asks it for passes. */
function startLoop(world: World, namespaces?: readonly string[]) {
  const end = new AbortController();
  const passes = { done: 0, failed: 0 };
  let metrics: Observed['metrics'] = { available: true, reason: 'Registered', message: 'Served.' };
  const loop = new FleetLoop({
    ...{ api: world.fake.api(), log: pino({ level: 'silent' }), clock: () => performance.now() + 1e12 },
    ...{
      namespace: 'berth-system',
      namespaces,
      identity: 'berth-operator-0',
      absentMs: 100,
      patienceMs: 1_000,
    },
    occupancyOf: () => undefined,
    metricsState: () => metrics,
    costIsTaken: () => false,
    missed: () => {},
    passed: (result) => void passes[result]++,
  });
  const running = loop.run(end.signal);
  const stop = async () => {
    end.abort();
    await running;
  };
  onTestFinished(stop);
  return {
    loop,
    passes,
    stop,
    say: (now: Observed['metrics']) => {
      metrics = now;
    },
  };
}

const SOON = { timeout: 8_000, interval: 10 };
const made = (world: World, fleet: string) =>
  world.objects().filter((object) => new RegExp(` ${fleet}(-peers)?$`).test(object));

test('fleets are made, changed and put back by what is heard of them', async () => {
  const world = await World.start();
  world.want({}, { name: 'one' });
  startLoop(world);
  await expect.poll(() => made(world, 'team/one'), SOON).toEqual(DEFAULT_OBJECTS('team/one'));
  world.want({}, { name: 'two' });
  await expect.poll(() => made(world, 'team/two'), SOON).toEqual(DEFAULT_OBJECTS('team/two'));
  world.want({ replicas: 4 }, { name: 'one' });
  await expect.poll(() => world.deployment('team', 'one')?.spec?.replicas, SOON).toBe(4);
  world.fake.remove(kinds.service, 'team', 'one-peers');
  await expect.poll(() => made(world, 'team/one'), SOON).toEqual(DEFAULT_OBJECTS('team/one'));
  world.rollOut('team', 'one');
  await expect.poll(() => world.condition('Available', 'team', 'one')?.status, SOON).toBe('True');
});

test('once all is settled nothing is written or asked, and nobody works', async () => {
  const world = await World.start();
  const names = Array.from({ length: 10 }, (_, index) => `fleet-${index}`);
  for (const name of names) world.want({ autoscaling: { enabled: true, maxReplicas: 3 } }, { name });
  const { passes, loop } = startLoop(world);
  await expect.poll(() => names.every((name) => world.fleet('team', name)?.status), SOON).toBe(true);
  for (const name of names) world.rollOut('team', name);
  await expect
    .poll(() => names.every((name) => world.condition('Progressing', 'team', name)?.status === 'False'), SOON)
    .toBe(true);
  await sleep(300);
  const before = [world.requests(), passes.done];
  await sleep(2_000);
  expect([world.requests(), passes.done]).toEqual(before);
  expect(passes.failed).toBe(0);
  expect(loop.size).toBe(names.length);
});

test('what is written is answered by a pass or two, and no more', async () => {
  const world = await World.start();
  world.want();
  const { passes } = startLoop(world);
  await expect.poll(() => world.fleet()?.status, SOON).toBeDefined();
  await sleep(300);
  // One per event at the most: six objects, the number of pods, the status.
  expect(passes.done).toBeLessThanOrEqual(9);
  expect(world.writes()).toBe(8);
});

test('a fleet that fails is tried again later and later, and the others go on', async () => {
  const world = await World.start();
  world.fake.failNext(({ what, name }) => what === 'apply services' && name === 'bad', 500, 1_000);
  world.want({}, { name: 'bad' });
  const { passes } = startLoop(world);
  await expect.poll(() => passes.failed, SOON).toBeGreaterThanOrEqual(1);
  for (let index = 0; index < 5; index++) world.want({}, { name: `good-${index}` });
  for (let index = 0; index < 5; index++)
    await expect.poll(() => made(world, `team/good-${index}`), SOON).toEqual(DEFAULT_OBJECTS(`team/good-${index}`));
  await sleep(2_000);
  // Waits of a half to one second, one to two, two to four: and those that its own events have cut short.
  expect(passes.failed).toBeLessThanOrEqual(8);
  world.fake.heal();
  await expect.poll(() => made(world, 'team/bad'), { ...SOON, timeout: 20_000 }).toEqual(DEFAULT_OBJECTS('team/bad'));
});

test('an API server that goes away and comes back finds everything done that was wanted meanwhile', async () => {
  const world = await World.start();
  world.want();
  const { passes } = startLoop(world);
  await expect.poll(() => world.fleet()?.status, SOON).toBeDefined();
  await world.fake.goAway();
  world.want({ replicas: 3 });
  world.want({}, { name: 'new' });
  world.fake.remove(kinds.service, 'team', 'notes');
  await sleep(500);
  await world.fake.comeBack();
  await expect.poll(() => world.deployment()?.spec?.replicas, { ...SOON, timeout: 20_000 }).toBe(3);
  await expect.poll(() => made(world, 'team/notes'), SOON).toEqual(DEFAULT_OBJECTS());
  await expect.poll(() => made(world, 'team/new'), SOON).toEqual(DEFAULT_OBJECTS('team/new'));
  expect(passes.done).toBeLessThan(60);
});

test('two controllers that want different things do not make each other run', async () => {
  const world = await World.start();
  world.want();
  const { passes } = startLoop(world);
  await expect.poll(() => world.fleet()?.status, SOON).toBeDefined();
  await sleep(300);
  const [writes, before] = [world.writes(), passes.done];
  const end = Date.now() + 2_500;
  while (Date.now() < end) {
    const live = world.deployment();
    if (live?.spec?.minReadySeconds !== 7 || live.spec.template.spec?.enableServiceLinks !== true) {
      world.fake.put<DeploymentObject>({
        ...live,
        spec: { ...live?.spec, minReadySeconds: 7, template: withLinks(live) },
      } as DeploymentObject);
    }
    await sleep(5);
  }
  expect(world.writes() - writes).toBeLessThanOrEqual(3);
  expect(passes.done - before).toBeLessThanOrEqual(8);
});

const withLinks = (live: DeploymentObject | undefined) => ({
  ...live?.spec?.template,
  spec: { ...live?.spec?.template.spec, enableServiceLinks: true },
});

test('all fleets are looked at when something changes that concerns them all', async () => {
  const world = await World.start();
  for (const name of ['one', 'two']) world.want({}, { name });
  const { loop, say } = startLoop(world);
  const reasons = () => ['one', 'two'].map((name) => world.condition('MetricsAvailable', 'team', name)?.reason);
  await expect.poll(reasons, SOON).toEqual(['Registered', 'Registered']);
  say({ available: false, reason: 'Foreign', message: 'Somebody else’s.' });
  loop.lookAtAll();
  await expect.poll(reasons, { timeout: 2_000, interval: 10 }).toEqual(['Foreign', 'Foreign']);
});

test('a kind that cannot be listed holds nobody up for long', async () => {
  const world = await World.start();
  world.fake.failNext('list scaledobjects', 500, 1_000);
  world.want();
  startLoop(world);
  await sleep(300);
  expect(world.objects()).toEqual([]);
  await expect.poll(() => made(world, 'team/notes'), SOON).toEqual(DEFAULT_OBJECTS());
});

test('nothing is made or deleted before everything that is there is known', async () => {
  const world = await World.start();
  world.want();
  world.fake.failNext('list services', 503, 3);
  startLoop(world);
  await expect.poll(() => world.fake.requests['list services'], SOON).toBeGreaterThanOrEqual(2);
  expect(world.writes()).toBe(0);
  await expect.poll(() => made(world, 'team/notes'), SOON).toEqual(DEFAULT_OBJECTS());
});

test('a leader that has to go before it knows what is there just goes', async () => {
  const world = await World.start();
  world.fake.failNext('list services', 503, 1_000);
  const { stop } = startLoop(world);
  await expect.poll(() => world.fake.requests['list services'], SOON).toBeGreaterThanOrEqual(1);
  await stop();
});

test('a namespace without rights keeps nothing from being done in the others', async () => {
  const world = await World.start();
  world.fake.failNext(({ namespace }) => namespace === 'theirs', 403, 10_000);
  world.want();
  world.want({}, { namespace: 'theirs' });
  startLoop(world, ['team', 'theirs']);
  await expect.poll(() => made(world, 'team/notes'), SOON).toEqual(DEFAULT_OBJECTS());
  expect(made(world, 'theirs/notes')).toEqual([]);
  world.fake.heal();
  await expect.poll(() => made(world, 'theirs/notes'), SOON).toEqual(DEFAULT_OBJECTS('theirs/notes'));
});

test('of a kind that may not be listed nothing is deleted or made anew, and the rest is kept', async () => {
  const world = await World.start();
  world.want({ ingress: EVERYTHING.ingress });
  await world.settle();
  const before = world.fake.get(kinds.ingress, 'team', 'notes');
  world.fake.failNext('list ingresses', 403, 10_000);
  world.want({ replicas: 3, ingress: EVERYTHING.ingress });
  startLoop(world);
  await expect.poll(() => world.deployment()?.spec?.replicas, SOON).toBe(3);
  expect(world.fake.get(kinds.ingress, 'team', 'notes')).toEqual(before);
  world.want({ replicas: 4 });
  await expect.poll(() => world.fleet()?.status?.observedGeneration, SOON).toBe(3);
  expect(world.deployment()?.spec?.replicas).toBe(4);
  expect(world.fake.get(kinds.ingress, 'team', 'notes')).toEqual(before);
  world.fake.heal();
  await expect.poll(() => world.fake.get(kinds.ingress, 'team', 'notes'), SOON).toBeUndefined();
});

test('a spec of absurd size is invalid, and everything goes on when it is mended', async () => {
  const world = await World.start();
  world.want({ podAnnotations: { 'a.b/c': 'x'.repeat(300 * 1024) } });
  startLoop(world);
  await expect.poll(() => world.condition('Degraded')?.reason, SOON).toBe('InvalidSpec');
  expect(world.condition('Degraded')?.message).toBe('The spec must have at most 256 KiB as JSON. It has 301 KiB.');
  expect(world.objects()).toEqual([]);
  world.want({ podAnnotations: { 'a.b/c': 'x' } });
  await expect.poll(() => made(world, 'team/notes'), SOON).toEqual(DEFAULT_OBJECTS());
});
