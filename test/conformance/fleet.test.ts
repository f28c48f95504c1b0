import { expect, onTestFinished, test } from 'vitest';
import type { Connections } from '../../src/server/metrics.ts';
import { inSession, openSession } from '../server/wire.ts';
import { checkRevision } from './report.ts';
import { REVISIONS } from './requirements.ts';
import type { FixtureProcess } from './serve-fixture.ts';
import { type FleetOptions, serveFleet } from './serve-fleet.ts';

const FORWARDED = 'mcp_connections_forwarded_total{result="answered"}';

async function startFleet(options?: FleetOptions) {
  const fleet = await serveFleet(3, options);
  onTestFinished(() => fleet.close());
  return fleet;
}

test('the official suite finds nothing wrong with a fleet of three without affinity, in either revision', {
  timeout: 600_000,
}, async () => {
  const fleet = await startFleet();
  const problems = [];
  // One after the other: some checks listen for changes that others announce.
  for (const revision of REVISIONS) problems.push(...(await checkRevision(fleet.url, revision)).problems);
  expect(problems).toEqual([]);
  const [least, most] = [Math.min(...fleet.given), Math.max(...fleet.given)];
  expect(most - least).toBeLessThanOrEqual(1);
  // Two requests of three find their session elsewhere; those of the modern era have none.
  expect(await fleet.metric(FORWARDED)).toBeGreaterThan(50);
});

test('nor when every request finds its session parked unless it has a stream or a call', {
  timeout: 300_000,
}, async () => {
  let parked = 0;
  const fleet = await startFleet({
    flags: ['--max-connections', '1'],
    async before(req, processes) {
      if (req.headers['mcp-session-id'] === undefined) return;
      await crowdOut(processes);
      if ((await Promise.all(processes.map(countParked))).some((count) => count > 0)) parked++;
    },
  });
  const { problems } = await checkRevision(fleet.url, '2025-11-25');
  expect(problems).toEqual([]);
  expect(parked).toBeGreaterThan(50);
});

/** Opens a session on every process, whose only slot that needs, and ends it again. */
async function crowdOut(processes: readonly FixtureProcess[]): Promise<void> {
  for (const { url } of processes) {
    // Refused where the slots are held by sessions that can not be parked.
    const id = await openSession(url).catch(() => undefined);
    if (id !== undefined) await fetch(url, { method: 'DELETE', headers: inSession(id) });
  }
}

async function countParked({ admin }: FixtureProcess): Promise<number> {
  const { sessions } = (await (await fetch(`${admin}/connections`)).json()) as Connections;
  return sessions.parked;
}
