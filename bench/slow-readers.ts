import { parseArgs } from 'node:util';
import type { Call } from '../src/load/requests.ts';
import { inOwnNetwork } from './own-network.ts';
import { measureReaders, type ReadersSeen, type Scenario } from './readers-round.ts';
import { Rounds } from './rounds.ts';
import { percentile } from './spread.ts';
import { goalLine, table } from './table.ts';

// What very many slow readers of large answers cost a server, and everyone else: the same ordinary load without them and
// with them, and the memory that their answers take until they leave. Each round starts one server after the other.
// Usage: slow-readers.ts [--readers 1000] [--kib 6144] (an answer's) [--buffer 1MiB] (--max-stream-buffer) [--sip 0] (ms
// between two reads of 64 KiB; 0 reads nothing) [--seconds 5] [--rounds 3] [--scenarios NAME,…]
const { values } = parseArgs({
  options: {
    readers: { type: 'string', default: '1000' },
    kib: { type: 'string', default: '6144' },
    buffer: { type: 'string', default: '1MiB' },
    sip: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    scenarios: { type: 'string' },
    'socket-kib': { type: 'string', default: '1024' },
  },
});
const socketKib = Number(values['socket-kib']);
if (socketKib > 0) await inOwnNetwork(import.meta.url, socketKib);
const MIB = 1024 * 1024;
const [readers, kib, seconds] = [Number(values.readers), Number(values.kib), Number(values.seconds)];
const bufferBytes = Number.parseInt(values.buffer, 10) * (values.buffer.endsWith('MiB') ? MIB : 1_024);
/** Of a stream: so many notifications, together more than buffers and kernel take. */
const MESSAGE_KIB = 64;
const MESSAGES = 96;

const tool = (name: string, args: Readonly<Record<string, unknown>>): Call => ({
  method: 'tools/call',
  params: { name, arguments: args },
});
const flood = (wait: boolean) => tool('flood', { count: MESSAGES, kib: MESSAGE_KIB, wait });
const large = { call: tool('large', { kib }), messageBytes: kib * 1_024 };
const waiting = { call: flood(true), messageBytes: MESSAGE_KIB * 1_024 };
const heedless = { call: flood(false), messageBytes: MESSAGE_KIB * 1_024 };
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'one large answer': { ...large, era: 'legacy' },
  'a stream whose handler waits': { ...waiting, era: 'legacy' },
  'a stream whose handler does not wait': { ...heedless, era: 'legacy' },
  'modern: one large answer': { ...large, era: 'modern' },
  'modern: a stream whose handler waits': { ...waiting, era: 'modern' },
  'modern: a stream whose handler does not wait': { ...heedless, era: 'modern' },
};
const names = values.scenarios?.split(',') ?? Object.keys(SCENARIOS);
const flags = {
  '--max-connections': String(readers + 200),
  '--max-stream-buffer': values.buffer,
  '--park-after': '1s',
};

const seen = new Rounds<ReadersSeen>();
const rowOf = (scenario: string, server: string) => `${scenario}, ${server}`;
for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of names) {
    const scenario = SCENARIOS[name];
    if (scenario === undefined)
      throw new Error(`There is no ${name}. There are: ${Object.keys(SCENARIOS).join(', ')}.`);
    // The SDK's transport has no modern era.
    for (const server of scenario.era === 'legacy' ? (['berth', 'sdk-v1'] as const) : (['berth'] as const)) {
      const options = { server, readers, seconds, sipMs: Number(values.sip), flags };
      seen.add(rowOf(name, server), await measureReaders(scenario, options));
    }
  }
}

type Read = (one: ReadersSeen) => number;
const of = (row: string, read: Read, digits = 1) => seen.spread(row, read, digits);
const at =
  (hundredths: number, when: 'without' | 'coming' | 'staying'): Read =>
  (one) =>
    percentile(one[when], hundredths);
const ratio =
  (hundredths: number): Read =>
  (one) =>
    at(hundredths, 'staying')(one) / at(hundredths, 'without')(one);
const slowest: Read = ({ probes }) => Math.max(...probes);
const mib =
  (read: Read): Read =>
  (one) =>
    read(one) / MIB;
const perReader =
  (read: Read): Read =>
  (one) =>
    read(one) / readers / 1_024;
const grown: Read = (one) => one.with.rss - one.before.rss;

const { stdout } = process;
stdout.write(`${readers} readers that take ${Number(values.sip) === 0 ? 'nothing' : `64 KiB every ${values.sip} ms`}, \
--max-stream-buffer ${values.buffer}, sockets that hold ${socketKib > 0 ? `${socketKib} KiB` : 'what they may'}, ten sessions that call \
without pause, median of ${values.rounds} rounds (least–most)\n`);
const CALLS = 'p50 ms without|with|ratio|p99 ms without|as they come|with|ratio|slowest probe ms as they come|with';
const MEMORY =
  'RSS MiB before|most|held|after|held per reader KiB|live heap of it|in the kernel KiB|over unread|refused|slots back ms';
for (const name of names) {
  const rows = ['berth', 'sdk-v1'].filter((server) => seen.of(rowOf(name, server)).length > 0);
  const calls = rows.map((server) => {
    const row = rowOf(name, server);
    const [p50, p99] = [
      [at(50, 'without'), at(50, 'staying')],
      [at(99, 'without'), at(99, 'coming'), at(99, 'staying')],
    ];
    return [
      server,
      ...p50.map((read) => of(row, read, 2)),
      of(row, ratio(50), 2),
      ...p99.map((read) => of(row, read)),
      of(row, ratio(99), 2),
      of(row, ({ probesComing }) => Math.max(...probesComing), 0),
      of(row, slowest, 0),
    ];
  });
  const memory = rows.map((server) => {
    const row = rowOf(name, server);
    const most = [(one: ReadersSeen) => one.before.rss, (one: ReadersSeen) => one.most];
    const held = [(one: ReadersSeen) => one.with.rss, (one: ReadersSeen) => one.after.rss];
    const each: readonly Read[] = [grown, (one) => one.with.live - one.before.live, (one) => one.kernel];
    return [
      server,
      ...[...most, ...held].map((read) => of(row, mib(read), 0)),
      ...each.map((read) => of(row, perReader(read), 0)),
      ...(server === 'berth' ? [of(row, (one) => one.cut, 0), of(row, (one) => one.refused, 0)] : ['–', '–']),
      server === 'berth' ? of(row, (one) => one.slotsBackMs, 0) : '–',
    ];
  });
  const heading = (cells: string) => ['', ...cells.split('|')];
  stdout.write(`\n${name}\n${table([heading(CALLS), ...calls])}${table([heading(MEMORY), ...memory])}`);
}

stdout.write('\nGoals\n');
const MOST_RATIO = 1.5;
for (const name of names) {
  const row = rowOf(name, 'berth');
  const all = seen.of(row);
  const bound = readers * (bufferBytes + (SCENARIOS[name]?.messageBytes ?? 0));
  const text = `${readers} × (${values.buffer} + one message) = ${(bound / MIB).toFixed(0)} MiB`;
  const held = Math.max(...all.map(grown));
  stdout.write(goalLine(held <= bound, `${name}: memory held is at most ${text}; it is ${of(row, mib(grown), 0)}`));
  const buffers = readers * bufferBytes;
  const strict = `at most the buffers alone, ${(buffers / MIB).toFixed(0)} MiB`;
  stdout.write(goalLine(held <= buffers, `${name}: ${strict}`));
  const harmless = percentile(all.map(ratio(99)), 50) <= MOST_RATIO;
  stdout.write(
    goalLine(harmless, `${name}: p99 of others at most ${MOST_RATIO} × that without; ${of(row, ratio(99), 2)}`),
  );
  stdout.write(
    goalLine(Math.max(...all.map(slowest)) < 250, `${name}: every probe under 250 ms; ${of(row, slowest, 0)}`),
  );
  const back = all.every(({ slotsBackMs }) => Number.isFinite(slotsBackMs));
  stdout.write(goalLine(back, `${name}: every slot comes back once the readers have left`));
}
process.exit();
