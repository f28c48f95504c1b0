import { expect, test } from 'vitest';
import { httpConnection } from '../../../src/kube/connection.ts';
import { KubeApi } from '../../../src/kube/kube-api.ts';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { DEFAULT_OBJECTS, degraded, World } from './world.ts';

test.for([403, 422, 500])(
  'what is answered with %i keeps nothing else from being made, and is told',
  async (status) => {
    const world = await World.start();
    world.fake.failNext('apply networkpolicies', status, 100);
    world.want();
    await world.pass().catch(() => undefined);
    expect(world.objects()).toEqual(DEFAULT_OBJECTS().filter((name) => !name.startsWith('NetworkPolicy')));
    expect(degraded(world)).toMatchObject({ status: 'True', reason: 'ApplyRefused' });
    expect(degraded(world).message).toContain(`NetworkPolicy notes was refused`);
    expect(degraded(world).message).toContain(String(status));
    world.fake.heal();
    world.now += 10_000;
    await world.settle();
    expect(world.objects()).toEqual(DEFAULT_OBJECTS());
    expect(degraded(world)).toMatchObject({ status: 'False' });
  },
);

test.for([
  ['to scale', (world: World) => world.want({ replicas: 3 }), /apply deployments/, 'Deployment notes'],
  ['to delete', (world: World) => world.want(), /delete ingresses/, 'Ingress notes'],
] as const)('a refusal %s is told as well', async ([, change, match, what]) => {
  const world = await World.start();
  world.want({ replicas: 2, ingress: { enabled: true, hosts: ['a.b'] } });
  await world.settle();
  change(world);
  world.fake.failNext(match, 403, 100);
  await world.pass();
  expect(degraded(world)).toMatchObject({ status: 'True', reason: 'ApplyRefused' });
  expect(degraded(world).message).toContain(`${what} was refused`);
});

test('what is refused is asked for less and less often, and at once when the spec changes', async () => {
  const world = await World.start();
  world.fake.failNext('apply networkpolicies', 422, 1_000);
  world.want();
  const tries = () => world.fake.requests['apply networkpolicies'] ?? 0;
  const during = async (seconds: number) => {
    const before = tries();
    for (let second = 0; second < seconds; second += 10) {
      await world.pass();
      world.rollOut();
      world.now += 10_000;
    }
    return tries() - before;
  };
  expect(await during(60)).toBeGreaterThan(2);
  await during(600);
  expect(await during(600)).toBeLessThanOrEqual(2);
  expect(degraded(world)).toMatchObject({ status: 'True', reason: 'ApplyRefused' });
  // Whatever it is that they changed: they want to see whether it helps.
  for (const spec of [{ replicas: 3 }, { networkPolicy: { adminNamespaces: ['monitoring'] } }]) {
    const before = tries();
    world.want(spec);
    await world.pass();
    expect(tries()).toBe(before + 1);
  }
});

test('a conflict is tried again, and no trouble', async () => {
  const world = await World.start();
  world.fake.failNext('apply services', 409);
  world.want();
  await expect(world.pass()).rejects.toThrow('409');
  expect(degraded(world)).toMatchObject({ status: 'False' });
  await world.settle();
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
});

test.for(['drop', 'hang'] as const)('no answer (%s) ends a pass, for the next to go on', async (answer) => {
  const world = await World.start();
  const connection = httpConnection(world.fake.url, { requestTimeoutMs: 300 });
  await world.changeLeader(new KubeApi({ connection }));
  world.want();
  world.fake.failNext('apply services', answer);
  await expect(world.pass()).rejects.toThrow();
  expect(world.deployment()).toBeUndefined();
  await world.settle();
  expect(world.objects()).toEqual(DEFAULT_OBJECTS());
  connection.close();
});

test('a leader that has lost its place writes no more', async () => {
  const world = await World.start();
  world.want();
  const leader = await world.changeLeader();
  await leader.seesAll();
  const end = new AbortController();
  world.fake.failNext('apply networkpolicies', 'hang');
  const pass = leader.reconcile('team/notes', end.signal);
  await expect.poll(() => world.fake.requests['apply networkpolicies']).toBe(1);
  const before = world.writes();
  end.abort();
  await expect(pass).rejects.toThrow();
  expect(world.writes()).toBe(before);
  expect(world.objects()).toEqual([]);
});

test('the longest of answers fits into the condition', async () => {
  const world = await World.start();
  const api = world.fake.api();
  const apply = api.apply.bind(api);
  api.apply = async (object, options) => {
    if (object.kind === 'Service') {
      throw new KubeError('x'.repeat(100_000), { status: 422, reason: 'Invalid' });
    }
    return await apply(object, options);
  };
  await world.changeLeader(api);
  world.want();
  await world.pass();
  expect(degraded(world).message?.length).toBeLessThanOrEqual(32_768);
});
