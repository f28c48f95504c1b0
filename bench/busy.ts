import { parseArgs } from 'node:util';
import { failuresText } from '../src/load/report-text.ts';
import { type Calls, generate } from './generate.ts';
import { probeUntil } from './probe.ts';
import { Rounds, spreadOf } from './rounds.ts';
import { peersNamed, type ServerName, startServer } from './servers.ts';
import { percentile } from './spread.ts';
import { goalLine, table } from './table.ts';

// What probes and new sockets wait for while very many sessions call without pause, and how unevenly calls do. Each round
// starts one server after the other. Usage: busy.ts [--sessions 1000] [--rounds 3] [--seconds 10] [--peers sdk-v1,…]
const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    peers: { type: 'string', default: 'sdk-v1' },
  },
});
const names: readonly ServerName[] = ['berth', ...peersNamed(values.peers)];
const sessions = Number(values.sessions);

interface Seen {
  readonly calls: Calls;
  /** Milliseconds of `/health-check` on the public port, each on a new socket, and on berth's admin port. */
  readonly public: number[];
  readonly admin: number[];
}

async function measure(name: ServerName): Promise<Seen> {
  const server = await startServer(name, { cap: 2 * sessions });
  const over = new AbortController();
  try {
    // The sessions are opened under the probes' eyes too: that is no easier for a server than their calls.
    const probing = Promise.all([
      probeUntil(over.signal, server.url),
      server.admin === undefined ? [] : probeUntil(over.signal, server.admin),
    ]);
    const calls = await generate('lean', server, sessions, Number(values.seconds));
    over.abort();
    const [onPublic, onAdmin] = await probing;
    return { calls, public: onPublic, admin: onAdmin };
  } finally {
    over.abort();
    await server.stop();
  }
}

const seen = new Rounds<Seen>();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of names) seen.add(name, await measure(name));
}

const latency = (key: 'p50' | 'p99' | 'max') => (one: Seen) => one.calls.latency?.[key] ?? Number.NaN;
const overMedian = (one: Seen) => latency('max')(one) / latency('p50')(one);
const slowest = (port: 'public' | 'admin') => (one: Seen) => Math.max(...one[port]);
const HEADING = 'calls/s|p50 ms|p99 ms|max ms|max ÷ p50|new socket p50 ms|slowest|slowest on admin port|generator %';
const lines = names.map((name) => {
  const of = (read: (one: Seen) => number, digits = 0) => seen.spread(name, read, digits);
  return [
    name,
    ...[of(({ calls }) => calls.perSecond), of(latency('p50'), 1), of(latency('p99'), 1), of(latency('max'), 1)],
    ...[of(overMedian, 1), of((one) => percentile(one.public, 50), 1), of(slowest('public'))],
    ...[name === 'berth' ? of(slowest('admin')) : '–', of(({ calls }) => (100 * calls.generatorCpu) / calls.seconds)],
  ];
});
const { stdout } = process;
stdout.write(`${sessions} sessions that call without pause, median of ${values.rounds} rounds (least–most), \
${values.seconds} s each\n${table([['', ...HEADING.split('|')], ...lines])}`);
for (const name of names) {
  const failures = seen.of(name).map(({ calls }) => failuresText(calls.outcomes));
  for (const text of failures.filter((text) => text !== '')) stdout.write(`calls of ${name} that failed: ${text}\n`);
}
const probes = seen.of('berth').map((one) => Math.max(slowest('public')(one), slowest('admin')(one)));
const waits = seen.of('berth').map(overMedian);
stdout.write(`\nGoals
${goalLine(Math.max(...probes) < 250, `every /health-check under 250 ms; the slowest took ${spreadOf(probes, 0)}`)}\
${goalLine(Math.max(...waits) <= 10, `no call waits more than 10 × the median; the longest ${spreadOf(waits, 1)}`)}`);
