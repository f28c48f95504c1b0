import { expect, test } from 'vitest';
import { readServeConfig } from '../../../src/config/read-config.ts';
import type { ServeConfigKey } from '../../../src/config/serve-config.ts';
import type { Measured } from '../../../src/server/auto-cap/measure-sessions.ts';
import { needsOf, type Served } from '../../../src/server/auto-cap/session-needs.ts';

const KIB = 1024;
const MIB = 1024 ** 2;
const MODULE: Served = { parkable: false, processes: false };
const COMMAND: Served = { parkable: false, processes: true };
const measured: Measured = {
  each: { heap: 30 * KIB, external: 5 * KIB, children: 20 * MIB },
  shared: { heap: 100 * KIB, external: 0, children: 50 * MIB },
  sessions: 9,
};

function needs(flags: Partial<Record<ServeConfigKey, string | true>>, served: Served) {
  const source = served.processes ? 'command' : 'module';
  return needsOf(measured, readServeConfig({ flags, environment: {}, source }), served);
}

test.each<[string, Partial<Record<ServeConfigKey, string | true>>, Served, object, object]>([
  ['a full event log', {}, MODULE, { objects: 40 * KIB, records: 64 * KIB, beside: 5 * KIB }, {}],
  ['none without sessions', { stateless: true }, MODULE, { records: 0 }, {}],
  ['none with HTTP+SSE', { transport: 'sse' }, MODULE, { records: 0 }, {}],
  ['parked sessions', { maxEventLog: '0B' }, { ...MODULE, parkable: true }, { records: 40 * KIB }, { heap: 100 * KIB }],
  [
    'a given number of parked sessions, once',
    { maxEventLog: '0B', maxParked: '50' },
    { ...MODULE, parkable: true },
    { records: 0 },
    { heap: 300 * KIB },
  ],
  ['a process, and one that waits', {}, COMMAND, { beside: 20 * MIB + 5 * KIB }, { beside: 20 * MIB }],
  ['no more that wait than are kept', { warmChildren: '3' }, COMMAND, {}, { beside: 60 * MIB }],
  [
    'what a process may grow to, if that is known, of which half is headroom',
    { childMemory: '64MiB' },
    COMMAND,
    { beside: 32 * MIB + 5 * KIB },
    { beside: 64 * MIB },
  ],
  [
    'all that a family of processes takes, each of which may grow to less',
    { childMemory: '24MiB' },
    COMMAND,
    { beside: 20 * MIB + 5 * KIB },
    { beside: 24 * MIB },
  ],
  ['a shared process once', { share: true }, COMMAND, { beside: 5 * KIB }, { beside: 50 * MIB }],
  ['and what that may use', { share: true, childMemory: '64MiB' }, COMMAND, { beside: 5 * KIB }, { beside: 64 * MIB }],
])('a session needs %s', (_, flags, served, cost, once) => {
  expect(needs(flags, served)).toMatchObject({ cost, once });
});
