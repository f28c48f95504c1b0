import { pino } from 'pino';
import { expect, test } from 'vitest';
import { kinds } from '../../../src/kube/kinds.ts';
import { createEvents } from '../../../src/operator/reconcile/events.ts';
import { World } from './world.ts';

const shows = (world: World) => world.fake.requests['apply mcpfleets'] ?? 0;

test('a fleet has one event for all that was created, and none for passes that change nothing', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  for (let time = 0; time < 5; time++) {
    await world.pass();
    world.now += 10_000;
  }
  expect(await world.events()).toEqual([
    'Normal Created NetworkPolicy notes, ServiceAccount notes, Service notes, Service notes-peers, Deployment notes, ' +
      'PodDisruptionBudget notes',
  ]);
});

test('what a change of the spec changed and deleted is told', async () => {
  const world = await World.start();
  world.want({ ingress: { enabled: true, hosts: ['a.b'] }, podDisruptionBudget: { enabled: false } });
  await world.settle();
  world.want({ service: { port: 8080 } });
  await world.settle();
  const told = await world.events();
  expect(told.slice(1)).toEqual(
    expect.arrayContaining([
      'Normal Created PodDisruptionBudget notes',
      expect.stringMatching(/^Normal Changed (.*, )?Service notes(,|$)/),
      'Normal Deleted Ingress notes',
    ]),
  );
});

test('a trouble that stays is told once, also by the next leader, and again when its spec changes', async () => {
  const world = await World.start();
  const warnings = async () => (await world.events()).filter((event) => event.startsWith('Warning'));
  world.fake.lack(kinds.httpRoute);
  const route = { httpRoute: { enabled: true, parentRefs: [{ name: 'gateway' }], hostnames: ['notes.example.com'] } };
  world.want(route);
  await world.settle();
  const first = shows(world);
  for (let time = 0; time < 100; time++) {
    world.occupancy = { connections: time, capacity: 200, waiting: 0 };
    await world.pass();
    world.now += 10_000;
  }
  await world.changeLeader();
  await world.settle();
  expect(shows(world)).toBeGreaterThan(first + 20);
  expect(await warnings()).toHaveLength(1);
  expect((await warnings())[0]).toContain('The cluster has no HTTPRoute');
  world.want({ ...route, replicas: 3 });
  await world.settle();
  expect(await warnings()).toHaveLength(2);
  world.want({ ...route, replicas: -1 });
  await world.settle();
  expect(await warnings()).toHaveLength(3);
  expect((await warnings())[2]).toContain('replicas');
});

test('new pods that do not come are told', async () => {
  const world = await World.start();
  world.want();
  await world.settle();
  world.getStuck();
  await world.pass();
  expect((await world.events()).at(-1)).toMatch(/^Warning The new pods did not become available/);
});

test('an event is as Kubernetes takes it', async () => {
  const world = await World.start();
  const fleet = world.want();
  const clock = () => world.now;
  const log = pino({ level: 'silent' });
  const events = createEvents({ api: world.fake.api(), identity: 'berth-operator-0', log, clock });
  events.record(fleet, { type: 'Warning', reason: 'InvalidSpec', note: '’'.repeat(1_000) });
  await expect.poll(() => world.fake.objects(kinds.event)).toHaveLength(1);
  const [event] = world.fake.objects(kinds.event);
  expect(event).toMatchObject({
    ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', type: 'Warning', reason: 'InvalidSpec', action: 'Reconcile' },
    metadata: { namespace: 'team' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    ...{ reportingController: 'berth.dev/operator', reportingInstance: 'berth-operator-0' },
    regarding: { kind: 'MCPFleet', namespace: 'team', name: 'notes', uid: fleet.metadata.uid },
  });
  const { note } = event as unknown as { note: string };
  expect(Buffer.byteLength(note)).toBe(1_023);
  expect(note).toMatch(/^’+$/);
});

test('the same is said again after ten minutes only', async () => {
  const world = await World.start();
  const fleet = world.want();
  const log = pino({ level: 'silent' });
  const events = createEvents({ api: world.fake.api(), identity: 'x', log, clock: () => world.now });
  const say = (note: string) => events.record(fleet, { type: 'Normal', reason: 'Changed', note });
  for (let second = 0; second < 600; second++) {
    say('one');
    say(second < 1 ? 'two' : 'three');
    world.now += 1_000;
  }
  expect(await world.events()).toHaveLength(3);
  say('one');
  expect(await world.events()).toHaveLength(4);
});

test('events that are refused stop nothing', async () => {
  const world = await World.start();
  world.fake.failNext('create events', 403, 100);
  world.want();
  await world.settle();
  expect(await world.events()).toEqual([]);
  expect(world.condition('Degraded')).toMatchObject({ status: 'False' });
});
