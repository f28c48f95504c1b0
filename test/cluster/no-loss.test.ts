import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, onTestFailed, test } from 'vitest';
import { kubectl } from './command.ts';
import { eventually } from './eventually.ts';
import { FleetUnderTest } from './fleet.ts';
import { LabClient, sumOf } from './lab-client.ts';

const SESSIONS = 200;
/** Two pods hold all sessions, with little to spare. */
const CAP = 120;
const SERVER = { maxConnections: CAP, drainDelay: '5s', drainWindow: '5s', longestCall: '25s' };
/** Every pod has sessions, and clients of all the others; by default a client stays with one pod. */
const SPREAD = { service: { sessionAffinity: 'None' } };
/** Every so many sessions: one with an open stream, one in calls of 5 to 20 s. */
const LISTENING = 2;
const IN_LONG_CALLS = 10;
const QUICK_PAUSE_MS = 1_000;
const OPENED_AT_ONCE = 20;
const MOST_DETAILS = 100;

let fleet: FleetUnderTest | undefined;

afterEach(async () => {
  await fleet?.remove();
});

test('two rollouts, one right after the other, lose nothing', async () => {
  const lab = await start('berth-rollouts', 4);
  const before = (await lab.pods()).map(({ metadata }) => metadata.uid);
  await losesNothing('two rollouts', lab, async () => {
    for (let rollout = 0; rollout < 2; rollout++) {
      await lab.kubectl('rollout', 'restart', `deployment/${lab.name}`);
      await lab.rolledOut(120);
    }
    const after = await lab.settledAt(4, 60_000);
    expect(after.filter(({ metadata }) => before.includes(metadata.uid))).toEqual([]);
  });
});

test('a scale-down from four pods to two with room for all loses nothing', async () => {
  const lab = await start('berth-scale-down', 4, SPREAD);
  await losesNothing('4 → 2', lab, async () => {
    await lab.kubectl('scale', `deployment/${lab.name}`, '--replicas=2');
    await lab.settledAt(2, 60_000);
  });
});

test('the eviction of a pod loses nothing', async () => {
  const lab = await start('berth-eviction', 4, SPREAD);
  await losesNothing('eviction', lab, async () => evictOne(lab, 4));
});

test('the eviction of the only pod loses nothing', async () => {
  const lab = await start('berth-only-pod', 1, { server: { ...SERVER, maxConnections: SESSIONS + CAP } });
  await losesNothing('eviction of the only pod', lab, async () => evictOne(lab, 1));
});

async function start(namespace: string, replicas: number, values: object = {}): Promise<FleetUnderTest> {
  const lab = await FleetUnderTest.ofLab(namespace, 'parkable', { replicas, server: SERVER, ...values });
  fleet = lab;
  if (values === SPREAD) await lab.spreads(replicas, 30_000);
  onTestFailed(async () => console.error(await lab.lastWords()));
  return lab;
}

async function evictOne(lab: FleetUnderTest, replicas: number): Promise<void> {
  const [pod] = await lab.pods();
  const name = pod?.metadata.name ?? '';
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: lab.namespace } };
  const path = `/api/v1/namespaces/${lab.namespace}/pods/${name}/eviction`;
  await kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(eviction));
  await lab.rolledOut(60);
  await eventually('the end of the evicted pod', 60_000, async () => {
    const gone = await lab.kubectl('get', 'pods', '--ignore-not-found', name, '-o', 'name');
    return gone.stdout === '' ? true : undefined;
  });
  await lab.settledAt(replicas, 60_000);
}

/** Does something to a fleet while clients work, and holds what they saw against what was promised. */
async function losesNothing(what: string, lab: FleetUnderTest, disturb: () => Promise<void>): Promise<void> {
  const clients = await openClients(lab);
  const stop = new AbortController();
  const working = clients.map((client) => client.work(stop.signal));
  const sampling = mostOverCap(lab, stop.signal);
  try {
    await sleep(3_000);
    await disturb();
    // What the last hand-overs brought with them.
    await sleep(3_000);
  } finally {
    stop.abort();
  }
  const { details, ...total } = sumOf(await Promise.all(working));
  const overCap = await sampling;
  console.info(`${what}: ${JSON.stringify({ ...total, overCap })}`);
  if (details.length > 0) console.error(details.toSorted().slice(0, MOST_DETAILS).join('\n'));
  expect(total.failures).toEqual({});
  expect(total.resumed).toBe(0);
  expect(overCap).toBe(0);
  // It was worth something: calls of all kinds went on all the time, and streams were opened again.
  expect(total.calls).toBeGreaterThan(SESSIONS * 10);
  expect(total.events).toBeGreaterThan(SESSIONS);
  expect(total.streams).toBeGreaterThan(0);
}

async function openClients(lab: FleetUnderTest): Promise<readonly LabClient[]> {
  const [address, url] = [await lab.address(), await lab.url('/mcp')];
  // Several, where the network has them, so that session affinity does not lead everybody to one pod.
  const sources = process.env['CLUSTER_CLIENT_ADDRESSES']?.split(' ') ?? [];
  const clients = Array.from({ length: SESSIONS }, (_, index) => {
    const long = index % IN_LONG_CALLS === 0;
    return new LabClient({
      url,
      route: {
        address,
        // Every kind of client comes from every address, with and without keep-alive.
        keepAlive: Math.floor(index / 2) % 2 === 0,
        from: sources[Math.floor(index / 4) % Math.max(1, sources.length)],
      },
      listens: index % LISTENING === 0,
      seconds: () => (long ? 5 + Math.floor(Math.random() * 16) : 0),
      pause: QUICK_PAUSE_MS,
    });
  });
  for (let i = 0; i < clients.length; i += OPENED_AT_ONCE)
    await Promise.all(clients.slice(i, i + OPENED_AT_ONCE).map((client) => client.open()));
  return clients;
}

/** The most that any pod was seen to hold above its cap. */
async function mostOverCap(lab: FleetUnderTest, signal: AbortSignal): Promise<number> {
  let most = 0;
  while (!signal.aborted) {
    for (const { overCap } of await lab.connections()) most = Math.max(most, overCap);
    await sleep(1_000);
  }
  return most;
}
