import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { readServeConfig } from '../../src/config/read-config.ts';
import type { ServeConfigKey } from '../../src/config/serve-config.ts';
import { createLog } from '../../src/server/log.ts';
import type { Connections } from '../../src/server/metrics.ts';
import type { Place } from '../../src/server/place.ts';
import { startServer } from '../../src/server/server.ts';
import { sourceOf } from '../../src/sources/load-module.ts';
import type { Source } from '../../src/sources/source.ts';
import { createLab } from '../fixtures/lab.ts';
import { sampleOf } from '../fixtures/sample.ts';

export type Settings = Readonly<Partial<Record<ServeConfigKey, string>>>;

const QUICK = {
  ...{ port: '0', adminPort: '0', drainDelay: '0s', drainWindow: '0s', longestCall: '1s', logLevel: 'info' },
  // The clients of a test work in the same process, on machines that do other work as well.
  maxCallDelay: '1h',
};

export interface LabOptions {
  /** Of the lab's own server. */
  readonly sessions?: 'parkable' | 'resident';
  readonly place?: Place;
  /** In place of a module. */
  readonly source?: Source;
}

/** Starts a server on ports of the system's choice, with the lab's tools unless told otherwise; it ends with the test. */
export async function startLab(
  settings: Settings = {},
  exported?: unknown,
  { sessions, place, source: given }: LabOptions = {},
) {
  const { definition, notes } = createLab(sessions);
  const config = readServeConfig({ flags: { ...QUICK, ...settings }, environment: {} });
  const source = given ?? (await sourceOf(exported ?? definition, 'lab', import.meta.url));
  notes.created = 0;
  const logs: Record<string, unknown>[] = [];
  const server = await startServer(
    config,
    source,
    createLog(config, { write: (line) => void logs.push(JSON.parse(line)) }),
    place,
  );
  const hurry = new AbortController();
  let stopped: ReturnType<typeof server.stop> | undefined;
  const stop = (signal = hurry.signal) => {
    stopped ??= server.stop(signal);
    return stopped;
  };
  onTestFinished(async () => {
    hurry.abort();
    await stop();
  });
  const admin = `http://127.0.0.1:${server.adminPort}`;
  return {
    notes,
    /** What was logged, from `info` on. */
    logs,
    server,
    stop,
    hurry: () => hurry.abort(),
    url: `http://127.0.0.1:${server.port}/mcp`,
    origin: `http://127.0.0.1:${server.port}`,
    admin,
    /** `GET /connections`. */
    counts: async () =>
      server.adminPort === undefined
        ? ((await server.reports.connections()) as Connections)
        : ((await (await fetch(`${admin}/connections`)).json()) as Connections),
    /** One sample of `/metrics`. */
    metric: (name: string) => sampleOf(admin, name),
  };
}

export type Lab = Awaited<ReturnType<typeof startLab>>;

/** Waits until something is so; fails with the last value seen when it is not within the time. */
export async function eventually<T>(
  read: () => T | Promise<T>,
  holds: (value: T) => boolean,
  limit = 15_000,
): Promise<T> {
  const deadline = performance.now() + limit;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > deadline) throw new Error(`Not within ${limit} ms; last seen: ${JSON.stringify(value)}`);
    await sleep(10);
  }
}
