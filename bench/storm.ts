import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Client } from '../src/load/clients/client.ts';
import { callUntil, openCallers } from './callers.ts';
import { probeUntil } from './probe.ts';
import { Rounds, spreadOf } from './rounds.ts';
import { type Server, startServer } from './servers.ts';
import { percentile } from './spread.ts';
import type { Sockets, StormSeen, StormWord } from './storm-clients.ts';
import { goalLine, table } from './table.ts';

// What a storm of new sessions does to a server that is nearly full: how late it refuses, and how late the sessions that it
// has admitted before are answered meanwhile. In each round first berth, then the SDK behind a counter. Storms are multiples
// of the cap, over the kept sockets of a proxy or with a new socket for each client; --seconds is the quiet before each. One
// storm is over in a fraction of a second, too soon for a percentile of calls: in each round it comes --waves times.
// Usage: storm.ts [--cap 200] [--storms 2,10] [--sockets kept,new] [--rounds 5] [--waves 10] [--seconds 3]
//   [--node-flags=FLAGS] (of both servers)
const { values } = parseArgs({
  options: {
    cap: { type: 'string', default: '200' },
    storms: { type: 'string', default: '2,10' },
    sockets: { type: 'string', default: 'kept,new' },
    rounds: { type: 'string', default: '5' },
    waves: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '3' },
    'node-flags': { type: 'string', default: '' },
  },
});
const cap = Number(values.cap);
const CALLERS = 10;
const THINK_MS = 10;
const AT_ONCE = 64;
const NODE_FLAGS = values['node-flags'].split(' ').filter((flag) => flag !== '');
const STORM_CLIENTS = fileURLToPath(new URL('storm-clients.ts', import.meta.url));
const NAMES = ['berth', 'sdk-v1-counter'] as const;

type Storm = Exclude<StormWord, 'leave'>;

interface Row {
  /** The calls of admitted sessions, without a storm and during one. */
  readonly quiet: number[];
  readonly calls: number[];
  readonly probes: number[];
  readonly storm: StormSeen;
}

/** Has a storm of so many sessions come, then go, several times. */
async function measure(
  server: Server,
  callers: readonly Client[],
  child: ChildProcess,
  storm: Storm,
  waves: number,
): Promise<Row> {
  const quiet = await callUntil(AbortSignal.timeout(Number(values.seconds) * 1_000), callers, THINK_MS);
  const calls: number[] = [];
  const probes: number[] = [];
  const seen: StormSeen[] = [];
  const doors = [server.url, ...(server.admin === undefined ? [] : [server.admin])];
  for (let wave = 0; wave < waves; wave++) {
    const over = new AbortController();
    const calling = callUntil(over.signal, callers, THINK_MS);
    const probing = doors.map((door) => probeUntil(over.signal, door));
    seen.push((await answerOf(child, storm)) as StormSeen);
    over.abort();
    calls.push(...(await calling));
    probes.push(...(await Promise.all(probing)).flat());
    await answerOf(child, 'leave');
  }
  return { quiet, calls, probes, storm: together(seen) };
}

/** What several storms have seen. */
function together(storms: readonly StormSeen[]): StormSeen {
  return {
    opened: storms.flatMap(({ opened }) => opened),
    refused: storms.flatMap(({ refused }) => refused),
    failed: storms.flatMap(({ failed }) => failed),
    generator: storms.reduce((sum, { generator }) => sum + generator, 0) / storms.length,
  };
}

async function answerOf(child: ChildProcess, word: StormWord): Promise<unknown> {
  child.send(word);
  const [answer] = await once(child, 'message');
  return answer;
}

const rows = new Rounds<Row>();
function socketsNamed(name: string): Sockets {
  if (name !== 'kept' && name !== 'new') throw new Error(`--sockets is a list of kept and new. Got ${name}.`);
  return name;
}

const rowOf = (name: string, { count, sockets }: Storm) => `${name}, ${count} over ${sockets} sockets`;
const storms = values.sockets
  .split(',')
  .map(socketsNamed)
  .flatMap((sockets) => values.storms.split(',').map((storm) => ({ sockets, count: Number(storm) * cap })));

for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of NAMES) {
    // A parkable session would be parked for the next one, and nobody refused.
    const server = await startServer(name, { cap, sessions: 'resident', nodeFlags: NODE_FLAGS });
    const child = fork(STORM_CLIENTS, [server.url, String(AT_ONCE)]);
    child.once('exit', (code) => {
      if (code !== 0) throw new Error(`The clients of the storm ended with exit code ${code}.`);
    });
    try {
      const callers = await openCallers(server.url, CALLERS);
      // Code that runs for the first time is no storm.
      for (const storm of storms) await measure(server, callers, child, storm, 1);
      for (const storm of storms) {
        rows.add(rowOf(name, storm), await measure(server, callers, child, storm, Number(values.waves)));
      }
      for (const caller of callers) await caller.close();
    } finally {
      child.disconnect();
      await server.stop();
    }
  }
}

type Read = (row: Row) => number;
const refused50: Read = ({ storm }) => percentile(storm.refused, 50);
const refused99: Read = ({ storm }) => percentile(storm.refused, 99);
const calls99: Read = ({ calls }) => percentile(calls, 99);
const slowest: Read = ({ probes }) => Math.max(...probes);

const { stdout } = process;
const HEADING =
  'opened|refused|refused p50 ms|refused p99 ms|calls p99 ms before|in the storm|calls|slowest probe ms|generator %';
stdout.write(
  `Cap ${cap}, ${CALLERS} sessions that call, median of ${values.rounds} rounds (least–most) of ${values.waves} storms each\n`,
);
for (const storm of storms) {
  const lines = NAMES.map((name) => {
    const of = (read: Read, digits = 1) => rows.spread(rowOf(name, storm), read, digits);
    return [
      name,
      ...[of(({ storm }) => storm.opened.length, 0), of(({ storm }) => storm.refused.length, 0)],
      ...[of(refused50), of(refused99), of(({ quiet }) => percentile(quiet, 99)), of(calls99)],
      ...[of(({ calls }) => calls.length, 0), of(slowest)],
      of(({ storm }) => storm.generator, 0),
    ];
  });
  stdout.write(
    `\n${storm.count} new sessions, ${AT_ONCE} at a time, over ${storm.sockets} sockets\n${table([['', ...HEADING.split('|')], ...lines])}`,
  );
  const failed = NAMES.flatMap((name) => rows.of(rowOf(name, storm)).flatMap((row) => row.storm.failed));
  if (failed.length > 0) stdout.write(`failed: ${failed.length}, the first of them with ${failed[0]}\n`);
  const [berth, counter] = NAMES.map((name) => rowOf(name, storm)) as [string, string];
  for (const [what, read] of [
    ['refusals', refused99],
    ['admitted calls', calls99],
  ] as const) {
    const all = rows.ratios(berth, counter, read);
    const goal = `p99 of ${what} at most 0.33 × the counter's; it is ${spreadOf(all)}`;
    stdout.write(goalLine(percentile(all, 50) <= 1 / 3, goal));
  }
  const all = rows.of(berth).map(slowest);
  stdout.write(
    goalLine(Math.max(...all) < 250, `every /health-check under 250 ms; the slowest took ${spreadOf(all, 0)}`),
  );
}
process.exit();
