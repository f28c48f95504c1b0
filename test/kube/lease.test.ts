import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Connection, httpConnection } from '../../src/kube/connection.ts';
import type { ConnectionRequest } from '../../src/kube/exchange.ts';
import { kinds } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { LeaderElection, type LeaderElectionOptions } from '../../src/kube/lease.ts';
import { pause } from '../../src/kube/pause.ts';
import { FakeKubeApi } from '../fixtures/fake-kube-api/fake-kube-api.ts';

interface LeaseObject extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
}

let fake: FakeKubeApi;
let leave: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  fake = await FakeKubeApi.start();
  leave = new AbortController();
  running = [];
});
afterEach(async () => {
  leave.abort();
  await Promise.all(running);
  await fake.stop();
});

const lease = () => fake.get<LeaseObject>(kinds.lease, 'berth-system', 'berth-operator');
const spec = () => lease()?.spec;

/** The way of one candidate to the API server, which can be cut: then nothing is ever answered. */
function cuttable(inner: Connection) {
  let isCut = false;
  const request = (asked: ConnectionRequest) => {
    if (!isCut) return inner.request(asked);
    const { promise, reject } = Promise.withResolvers<never>();
    asked.signal?.addEventListener('abort', () => reject(asked.signal?.reason), { once: true });
    return promise;
  };
  return {
    connection: { ...inner, request },
    cut: () => {
      isCut = true;
    },
    mend: () => {
      isCut = false;
    },
  };
}

/** A candidate that notes when it leads. */
function candidate(identity: string, options: Partial<LeaderElectionOptions> = {}) {
  const way = cuttable(httpConnection(fake.url));
  const leadings: { readonly begun: number; over?: number }[] = [];
  const stop = new AbortController();
  const election = new LeaderElection({
    api: fake.api({ connection: way.connection }),
    namespace: 'berth-system',
    name: 'berth-operator',
    identity,
    log: pino({ level: 'silent' }),
    leaseSeconds: 2,
    renewSeconds: 1,
    retrySeconds: 0.05,
    ...options,
  });
  const run = election.run(
    async (signal) => {
      const leading: { begun: number; over?: number } = { begun: performance.now() };
      leadings.push(leading);
      await aborted(signal);
      leading.over = performance.now();
    },
    AbortSignal.any([stop.signal, leave.signal]),
  );
  running.push(run);
  return { election, leadings, run, stop: () => stop.abort(), cut: way.cut, mend: way.mend };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

test('of two candidates one leads, and the Lease says who, since when, in microseconds', async () => {
  const one = candidate('one');
  await expect.poll(() => one.election.leading).toBe(true);
  const two = candidate('two');
  const { renewTime } = spec() ?? {};
  await expect.poll(() => spec()?.['renewTime']).not.toBe(renewTime);
  expect(two.leadings).toEqual([]);
  expect(two.election.leading).toBe(false);
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(spec()).toEqual({
    holderIdentity: 'one',
    leaseDurationSeconds: 2,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: 0,
  });
});

test('a leader that ends gives the Lease away when its work has ended, and another takes over at once', async () => {
  const one = candidate('one', { leaseSeconds: 60, renewSeconds: 40 });
  await expect.poll(() => one.leadings.length).toBe(1);
  const two = candidate('two');
  one.stop();
  await one.run;
  await expect.poll(() => two.leadings.length).toBe(1);
  expect(two.leadings[0]?.begun).toBeGreaterThanOrEqual(one.leadings[0]?.over ?? Number.POSITIVE_INFINITY);
  expect(one.election.leading).toBe(false);
  expect(spec()).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
});

test('the Lease is kept while the work comes to its end', async () => {
  const { promise: wound, resolve: windDown } = Promise.withResolvers<void>();
  const options = { namespace: 'berth-system', name: 'berth-operator', log: pino({ level: 'silent' }) };
  const slow = new LeaderElection({
    ...options,
    api: fake.api(),
    identity: 'slow',
    ...{ leaseSeconds: 2, renewSeconds: 1, retrySeconds: 0.05 },
  });
  const stop = new AbortController();
  const run = slow.run(async (signal) => {
    await aborted(signal);
    await wound;
  }, stop.signal);
  running.push(run);
  await expect.poll(() => slow.leading).toBe(true);
  stop.abort();
  const { renewTime } = spec() ?? {};
  await expect.poll(() => spec()?.['renewTime']).not.toBe(renewTime);
  expect(spec()?.['holderIdentity']).toBe('slow');
  windDown();
  await run;
  expect(spec()?.['holderIdentity']).toBe('');
});

test('a leader that is cut off stops before another one begins', async () => {
  const one = candidate('one');
  await expect.poll(() => one.leadings.length).toBe(1);
  const two = candidate('two');
  one.cut();
  await expect.poll(() => two.leadings.length, { timeout: 10_000 }).toBe(1);
  const { over = Number.POSITIVE_INFINITY } = one.leadings[0] ?? {};
  // 2 s of the lease less 1 s in which it could not be renewed.
  expect((two.leadings[0]?.begun ?? 0) - over).toBeGreaterThan(500);
  expect(one.election.leading).toBe(false);
  one.mend();
  two.stop();
  await expect.poll(() => one.leadings.length).toBe(2);
});

test('a leader stops at the deadline though an answer that may come late is still awaited', async () => {
  const one = candidate('one', { leaseSeconds: 3, renewSeconds: 2, retrySeconds: 1.8 });
  await expect.poll(() => one.leadings.length).toBe(1);
  one.cut();
  await expect.poll(() => one.leadings[0]?.over, { timeout: 5_000 }).toBeDefined();
  const { begun = 0, over = 0 } = one.leadings[0] ?? {};
  // The try that hangs is given up after 2.8 s.
  expect(over - begun).toBeLessThan(2_500);
});

test('a leader whose clock has jumped knows at once that it may not lead any more', async () => {
  let ahead = 0;
  const one = candidate('one', { clock: () => Date.now() + ahead, retrySeconds: 0.9 });
  await expect.poll(() => one.election.leading).toBe(true);
  ahead = 60_000;
  expect(one.election.leading).toBe(false);
  ahead = -60_000;
  expect(one.election.leading).toBe(false);
  ahead = -100;
  expect(one.election.leading).toBe(true);
});

test('a leader rides out an API server that fails for less than the deadline', async () => {
  const one = candidate('one', { leaseSeconds: 20, renewSeconds: 15 });
  await expect.poll(() => one.leadings.length).toBe(1);
  fake.failNext('update leases', 500, 3);
  fake.failNext('update leases', 'drop', 2);
  fake.failNext('update leases', 409, 2);
  const updates = fake.requests['update leases'] ?? 0;
  await expect.poll(() => fake.requests['update leases'], { timeout: 5_000 }).toBeGreaterThan(updates + 8);
  await fake.goAway();
  await fake.comeBack();
  const { renewTime } = spec() ?? {};
  await expect.poll(() => spec()?.['renewTime'], { timeout: 5_000 }).not.toBe(renewTime);
  expect(one.leadings).toEqual([{ begun: expect.any(Number) }]);
});

test('a Lease that somebody deletes or annotates stays the leader’s', async () => {
  const one = candidate('one');
  await expect.poll(() => one.leadings.length).toBe(1);
  fake.remove(kinds.lease, 'berth-system', 'berth-operator');
  await expect.poll(() => spec()?.['holderIdentity']).toBe('one');
  fake.edit<LeaseObject>(kinds.lease, 'berth-system', 'berth-operator', (object) => ({
    ...object,
    metadata: { ...object.metadata, annotations: { theirs: 'yes' } },
  }));
  const { renewTime } = spec() ?? {};
  await expect.poll(() => spec()?.['renewTime']).not.toBe(renewTime);
  expect(lease()?.metadata.annotations).toEqual({ theirs: 'yes' });
  expect(one.leadings).toEqual([{ begun: expect.any(Number) }]);
});

test('a Lease that somebody else takes by force is theirs', async () => {
  const one = candidate('one');
  await expect.poll(() => one.leadings.length).toBe(1);
  const now = `${new Date().toISOString().slice(0, -1)}000Z`;
  fake.edit<LeaseObject>(kinds.lease, 'berth-system', 'berth-operator', (object) => ({
    ...object,
    spec: { ...object.spec, holderIdentity: 'other', renewTime: now },
  }));
  await expect.poll(() => one.leadings[0]?.over).toBeDefined();
  expect(one.election.leading).toBe(false);
  expect(spec()?.['holderIdentity']).toBe('other');
});

test('a Lease of one who is gone is taken after the time that it says, by our own clock', async () => {
  const held = { holderIdentity: 'gone', leaseDurationSeconds: 1, renewTime: '2001-01-01T00:00:00.000000Z' };
  const begun = performance.now();
  fake.put({
    ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
    metadata: { name: 'berth-operator', namespace: 'berth-system' },
    spec: { ...held, leaseTransitions: 4 },
  });
  const one = candidate('one');
  await expect.poll(() => one.leadings.length, { timeout: 5_000 }).toBe(1);
  expect((one.leadings[0]?.begun ?? 0) - begun).toBeGreaterThanOrEqual(1_000);
  expect(spec()).toMatchObject({ holderIdentity: 'one', leaseTransitions: 5 });
});

test('a candidate whose clock is set back waits for the time of a Lease and no longer', async () => {
  let ahead = 0;
  fake.put({
    ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
    metadata: { name: 'berth-operator', namespace: 'berth-system' },
    spec: { holderIdentity: 'gone', leaseDurationSeconds: 1 },
  });
  const one = candidate('one', { clock: () => Date.now() + ahead });
  await expect.poll(() => fake.requests['get leases']).toBeGreaterThan(2);
  ahead = -3_600_000;
  await expect.poll(() => one.leadings.length, { timeout: 5_000 }).toBe(1);
});

test('whoever lost the Lease does not lead again before their work has ended', async () => {
  const { promise: wound, resolve: windDown } = Promise.withResolvers<void>();
  let active = 0;
  let most = 0;
  let times = 0;
  const election = new LeaderElection({
    ...{ api: fake.api(), namespace: 'berth-system', name: 'berth-operator', identity: 'one' },
    log: pino({ level: 'silent' }),
    ...{ leaseSeconds: 2, renewSeconds: 1, retrySeconds: 0.05 },
  });
  running.push(
    election.run(async (signal) => {
      times++;
      most = Math.max(most, ++active);
      await aborted(signal);
      if (times === 1) await wound;
      active--;
    }, leave.signal),
  );
  await expect.poll(() => election.leading).toBe(true);
  const give = (holderIdentity: string) =>
    fake.edit<LeaseObject>(kinds.lease, 'berth-system', 'berth-operator', (object) => ({
      ...object,
      spec: { ...object.spec, holderIdentity },
    }));
  give('other');
  await expect.poll(() => election.leading).toBe(false);
  give('');
  // The time of six tries, none of which is to be made.
  await pause(300);
  expect(times).toBe(1);
  windDown();
  await expect.poll(() => times).toBe(2);
  expect(most).toBe(1);
});

test('a process that comes back under its name leads at once', async () => {
  const time = '2001-01-01T00:00:00.000000Z';
  fake.put({
    ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
    metadata: { name: 'berth-operator', namespace: 'berth-system' },
    spec: { holderIdentity: 'one', leaseDurationSeconds: 3_600, renewTime: time, acquireTime: time },
  });
  const one = candidate('one');
  await expect.poll(() => one.leadings.length).toBe(1);
  expect(spec()?.['acquireTime']).toBe(time);
});

test('work that fails is over for this time, and tried again', async () => {
  const signals: AbortSignal[] = [];
  const election = new LeaderElection({
    api: fake.api(),
    ...{ namespace: 'berth-system', name: 'berth-operator', identity: 'one', retrySeconds: 0.05 },
    log: pino({ level: 'silent' }),
  });
  running.push(
    election.run(async (signal) => {
      signals.push(signal);
      if (signals.length < 3) throw new Error('cannot work');
      await aborted(signal);
    }, leave.signal),
  );
  await expect.poll(() => signals.length).toBe(3);
  expect(signals.map(({ aborted: over }) => over)).toEqual([true, true, false]);
});

describe('three candidates and an API server that fails at random', () => {
  test('never lead at the same time, and one of them does in the end', async () => {
    let active = 0;
    let most = 0;
    for (const answer of [500, 409, 429, 503, 'drop', 'hang'] as const) {
      const match = ({ what }: { what: string }) => what.endsWith(' leases') && Math.random() < 0.05;
      fake.failNext(match, answer, Number.POSITIVE_INFINITY, { 'retry-after': '0' });
    }
    for (const identity of ['one', 'two', 'three']) {
      const election = new LeaderElection({
        api: fake.api(),
        ...{ namespace: 'berth-system', name: 'berth-operator', identity, log: pino({ level: 'silent' }) },
        ...{ leaseSeconds: 1, renewSeconds: 0.4, retrySeconds: 0.03 },
      });
      running.push(
        election.run(async (signal) => {
          most = Math.max(most, ++active);
          const tired = setTimeout(() => over.abort(), 150);
          const over = new AbortController();
          await aborted(AbortSignal.any([signal, over.signal]));
          clearTimeout(tired);
          active--;
        }, leave.signal),
      );
    }
    await expect.poll(() => spec()?.['leaseTransitions'], { timeout: 15_000 }).toBeGreaterThan(4);
    fake.heal();
    await expect.poll(() => active, { timeout: 5_000 }).toBe(1);
    expect(most).toBe(1);
  });
});
