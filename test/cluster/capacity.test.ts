import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, onTestFailed, test } from 'vitest';
import { optionsFor, type Route } from './dial.ts';
import { eventually } from './eventually.ts';
import { FleetUnderTest } from './fleet.ts';
import { initializeMessage, send } from './mcp-wire.ts';

const REPLICAS = 4;
const CAP = 25;
const RUNS = 10;
/** What a pod heard of another one being full is believed for so long. */
const FULL_MS = 100;

let fleet: FleetUnderTest | undefined;

afterEach(async () => {
  await fleet?.remove();
});

describe('a fleet admits exactly what its pods can hold together', () => {
  test.for(['ClientIP', 'None'] as const)('with session affinity %s', async (sessionAffinity) => {
    // Resident sessions: others would be parked to make room for one more.
    const lab = await FleetUnderTest.ofLab(`berth-capacity-${sessionAffinity.toLowerCase()}`, 'resident', {
      replicas: REPLICAS,
      service: { sessionAffinity },
      server: { maxConnections: CAP },
    });
    fleet = lab;
    onTestFailed(async () => console.error(await lab.lastWords()));
    // One address, so that affinity leads everybody to one pod.
    const route = optionsFor({ address: await lab.address(), keepAlive: false } satisfies Route);
    const url = await lab.url('/mcp');
    const open = async () => {
      const { headers, body } = initializeMessage();
      const answer = await send(route, 'POST', url, headers, body);
      return { status: answer.status, id: answer.headers['mcp-session-id'], body: answer.body };
    };
    const held = async () => (await lab.connections()).map(({ active }) => active);

    const full = Array.from({ length: REPLICAS }, () => CAP);
    for (let run = 0; run < RUNS; run++) {
      const burst = await Promise.all(Array.from({ length: REPLICAS * CAP }, open));
      const next = await open();
      const seen = { statuses: tallied(burst.map(({ status }) => status)), next: next.status, held: await held() };
      console.info(`session affinity ${sessionAffinity}: ${JSON.stringify(seen)}`);
      for (const { status, body } of burst) if (status !== 200) console.error(status, body);
      expect(seen).toEqual({ statuses: { 200: REPLICAS * CAP }, next: 503, held: full });
      const ended = burst.map(({ id }) => send(route, 'DELETE', url, { 'mcp-session-id': String(id) }));
      expect(tallied((await Promise.all(ended)).map(({ status }) => status))).toEqual({ 200: REPLICAS * CAP });
      await eventually('an empty fleet', 10_000, async () =>
        (await held()).every((active) => active === 0) ? true : undefined,
      );
      await sleep(FULL_MS);
    }
  });
});

/** How often each value is there. */
function tallied(values: readonly number[]): Readonly<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
