import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../fixtures/free-ports.ts';
import { sampleOf } from '../fixtures/sample.ts';
import { startRoundRobin } from './round-robin.ts';
import { type FixtureProcess, type FixtureServer, serveFixture } from './serve-fixture.ts';

/** Processes that are one server, behind a proxy that knows nothing of sessions. */
export interface FixtureFleet extends FixtureServer {
  /** Requests that each process was given by the proxy. */
  readonly given: readonly number[];
  /** One sample of `/metrics`, summed over the processes. */
  metric(name: string): Promise<number>;
}

export interface FleetOptions {
  readonly flags?: readonly string[];
  /** Done before the proxy passes a request on. */
  before?(req: IncomingMessage, processes: readonly FixtureProcess[]): Promise<void>;
}

/** Runs the fixture server as a fleet of processes that greet each other on loopback, with requests spread evenly. */
export async function serveFleet(size: number, { flags = [], before }: FleetOptions = {}): Promise<FixtureFleet> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-fleet-'));
  const key = join(directory, 'key');
  await writeFile(key, randomBytes(48).toString('base64'), { mode: 0o600 });
  const peerPorts = await freePorts(size);
  const peers = peerPorts.map((port) => `127.0.0.1:${port}`).join(',');
  const fleetFlags = ['--peers', peers, '--peer-identity', `key:${key}`, ...flags];
  const starts = await Promise.allSettled(
    peerPorts.map((port) => serveFixture(['--peer-port', String(port), ...fleetFlags])),
  );
  const processes = starts.filter((start) => start.status === 'fulfilled').map(({ value }) => value);
  const end = async () => {
    await Promise.all(processes.map((process) => process.close()));
    await rm(directory, { recursive: true, force: true });
  };
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed !== undefined) {
    await end();
    throw failed.reason;
  }
  const proxy = await startRoundRobin(
    processes.map(({ port }) => port),
    async (req) => before?.(req, processes),
  );
  return {
    url: `http://127.0.0.1:${proxy.port}/mcp`,
    given: proxy.given,
    async metric(name) {
      const samples = await Promise.all(processes.map(({ admin }) => sampleOf(admin, name)));
      return samples.reduce<number>((sum, sample = 0) => sum + sample, 0);
    },
    async close() {
      await proxy.close();
      await end();
    },
  };
}
