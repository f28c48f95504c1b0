import { parseArgs } from 'node:util';
import { type CallCost, measureCalls } from './call-cost.ts';
import { type Generator, generate } from './generate.ts';
import { Rounds, spreadOf } from './rounds.ts';
import { BERTH_NAMES, peersNamed, type ServerName, startServer } from './servers.ts';
import { percentile } from './spread.ts';
import { goalLine, table } from './table.ts';

// What a tool call costs, and how many a second there are: each round starts one server after the other, berth's and the
// peers', and calls a trivial tool of each without pause. Ratios are of the same round.
// Usage: calls.ts [--peers bare,thirty-lines,sdk-v1,…] [--sessions 1,50] [--rounds 3] [--seconds 10] [--client lean|sdk]
const { values } = parseArgs({
  options: {
    peers: { type: 'string' },
    sessions: { type: 'string', default: '1,50' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    client: { type: 'string', default: 'lean' },
  },
});
if (values.client !== 'lean' && values.client !== 'sdk')
  throw new Error(`--client is lean or sdk. Got ${values.client}.`);
const generator: Generator = values.client;
const peers = peersNamed(values.peers);
const names: readonly ServerName[] = [...BERTH_NAMES, ...peers];
const counts = values.sessions.split(',').map(Number);
const seconds = Number(values.seconds);
const WARM_UP_SECONDS = 2;
/** No product, but what HTTP and the SDK cost. */
const FLOORS: readonly ServerName[] = ['bare', 'thirty-lines'];

const cells = new Rounds<CallCost>();
const cellOf = (name: ServerName, sessions: number) => `${name}, ${sessions} session(s)`;

for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of names) {
    const server = await startServer(name);
    try {
      await generate(generator, server, Math.max(...counts), WARM_UP_SECONDS);
      for (const sessions of counts) {
        cells.add(cellOf(name, sessions), await measureCalls(generator, server, sessions, seconds));
      }
    } finally {
      await server.stop();
    }
  }
}

type Read = (cell: CallCost) => number;
const cpu: Read = (cell) => cell.cpu;
const perSecond: Read = (cell) => cell.perSecond;

const ratios = (name: ServerName, other: ServerName, sessions: number, read: Read) =>
  cells.ratios(cellOf(name, sessions), cellOf(other, sessions), read);

function rowOf(name: ServerName, sessions: number): string[] {
  const of = (read: Read, digits = 2) => cells.spread(cellOf(name, sessions), read, digits);
  const compared = (['thirty-lines', 'sdk-v1', 'bare'] as const).map((other) => ratios(name, other, sessions, cpu));
  return [
    name,
    ...[of(perSecond, 0), of(({ p50 }) => p50), of(({ p99 }) => p99), of(cpu, 0)],
    ...compared.map((all) => spreadOf(all)),
    of(({ generator }) => generator, 0),
  ];
}

const HEADING = 'calls/s|p50 ms|p99 ms|CPU µs/call|÷ thirty-lines|÷ sdk-v1|÷ bare|generator %';

function goalOfRatio(name: ServerName, other: ServerName, read: Read, limit: number, what: string): string {
  const all = ratios(name, other, Math.max(...counts), read);
  const median = percentile(all, 50);
  const [met, bound] = read === cpu ? [median <= limit, 'at most'] : [median >= limit, 'at least'];
  return goalLine(all.length === 0 ? undefined : met, `${what} ${bound} ${limit} × ${other}'s; it is ${spreadOf(all)}`);
}

/** Peers that make as many calls a second as berth in their era does, or more. */
function ahead(sessions: number): string {
  const products = peers.filter((name) => !FLOORS.includes(name));
  const quicker = products.filter((name) => {
    const own = name === 'sdk-v2-modern' ? 'berth-modern' : 'berth';
    return percentile(ratios(own, name, sessions, perSecond), 50) <= 1;
  });
  const met = products.length === 0 ? undefined : quicker.length === 0;
  const not = quicker.length === 0 ? '' : `; not of ${quicker.join(', ')}`;
  return goalLine(met, `ahead of every peer with ${sessions} session(s)${not}`);
}

const { stdout } = process;
stdout.write(
  `Calls of a tool, ${generator} client, median of ${values.rounds} rounds (least–most), ${seconds} s each\n`,
);
for (const sessions of counts) {
  stdout.write(
    `\n${sessions} session(s)\n${table([['', ...HEADING.split('|')], ...names.map((name) => rowOf(name, sessions))])}`,
  );
}
const failures = names.flatMap((name) =>
  counts.flatMap((sessions) =>
    cells.of(cellOf(name, sessions)).flatMap(({ failures }) => (failures === '' ? [] : [`${name}: ${failures}`])),
  ),
);
if (failures.length > 0) stdout.write(`\nCalls that failed\n${failures.join('\n')}\n`);
// With a full client, which is slower than the servers, the ratios say more of the client.
const goals =
  generator === 'sdk'
    ? ''
    : goalOfRatio('berth', 'thirty-lines', cpu, 0.8, 'CPU per call') +
      goalOfRatio('berth', 'sdk-v1', perSecond, 4, 'calls a second') +
      goalOfRatio('berth-modern', 'sdk-v2-modern', perSecond, 2, 'modern calls a second') +
      goalOfRatio('berth-reusable', 'sdk-v2-modern', perSecond, 2, 'modern calls a second, with reusable objects,');
stdout.write(`\nGoals, with ${Math.max(...counts)} sessions\n${goals}${counts.map(ahead).join('')}`);
stdout.write(`bare's share of berth's CPU per call: ${spreadOf(ratios('bare', 'berth', Math.max(...counts), cpu))}\n`);
