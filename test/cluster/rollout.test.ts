import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { FleetUnderTest } from './fleet.ts';
import { callSteadily, type SteadyClientOptions, sum } from './steady-client.ts';

const REPLICAS = 3;
/** Of each kind. */
const CLIENTS = 6;
const QUICK = { tool: 'add', args: { a: 19, b: 23 }, pause: 50, fewest: 300 } as const;
/** Longer than the two seconds after which an answer becomes a stream, so that many are in flight when a pod must go. */
const SLOW = { tool: 'wait', args: { seconds: 3 }, pause: 50, fewest: 12 } as const;
const KINDS = [
  { era: 'legacy', keepAlive: false, call: QUICK },
  { era: 'legacy', keepAlive: true, call: QUICK },
  { era: 'legacy', keepAlive: false, call: SLOW },
  { era: 'legacy', keepAlive: true, call: SLOW },
  { era: 'modern', keepAlive: false, call: QUICK },
  { era: 'modern', keepAlive: true, call: QUICK },
  { era: 'modern', keepAlive: false, call: SLOW },
  { era: 'modern', keepAlive: true, call: SLOW },
] as const;

let fleet: FleetUnderTest;

beforeAll(async () => {
  fleet = await FleetUnderTest.prepare('berth-rollout', {
    replicas: REPLICAS,
    server: { maxConnections: 100, drainDelay: '5s', drainWindow: '3s', longestCall: '10s' },
  });
  await fleet.apply();
  await fleet.rolledOut(90);
  await fleet.reachable(30_000);
});

afterAll(async () => {
  await fleet?.remove();
});

test('a rollout under steady calls costs clients no more than sessions they open again', async () => {
  onTestFailed(async () => console.error(await fleet.lastWords()));
  const before = (await fleet.pods()).map((pod) => pod.metadata.uid);
  const [address, url] = [await fleet.address(), await fleet.url('/mcp')];
  // Several, where the network has them, so that session affinity does not lead everybody to one pod.
  const sources = process.env['CLUSTER_CLIENT_ADDRESSES']?.split(' ') ?? [];
  const stop = new AbortController();
  const kinds = KINDS.map(({ era, keepAlive, call: { tool, args, pause } }) =>
    Array.from({ length: CLIENTS }, (_, index) => {
      const options: SteadyClientOptions = {
        era,
        url,
        route: { address, keepAlive, from: sources[index % Math.max(1, sources.length)] },
        tool,
        args,
        pause,
      };
      return callSteadily(options, stop.signal);
    }),
  );
  try {
    await sleep(3_000);
    await fleet.kubectl('rollout', 'restart', `deployment/${fleet.name}`);
    await fleet.rolledOut(150);
    // The last pod of the old generation is still draining.
    await fleet.settledAt(REPLICAS, 60_000);
    await sleep(2_000);
  } finally {
    stop.abort();
  }
  const tallies = await Promise.all(kinds.map(async (clients) => sum(await Promise.all(clients))));
  for (const [index, { era, keepAlive, call }] of KINDS.entries()) {
    const kind = `${era} era, ${keepAlive ? 'keep-alive' : 'new'} connections, ${call.tool}`;
    console.info(`${kind}: ${JSON.stringify(tallies[index])}`);
  }

  expect(tallies.map((tally) => tally.failures)).toEqual(KINDS.map(() => ({})));
  expect(tallies.filter((tally, index) => tally.calls < (KINDS[index]?.call.fewest ?? 0))).toEqual([]);
  const after = (await fleet.pods()).map((pod) => pod.metadata.uid);
  expect(after.filter((uid) => before.includes(uid))).toEqual([]);
});
