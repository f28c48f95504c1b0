import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FIRST, measureIdleSessions } from './idle-cost.ts';
import type { Memory } from './live-memory.ts';
import { Rounds, spreadOf } from './rounds.ts';
import { peersNamed, type ServerName } from './servers.ts';
import { percentile } from './spread.ts';
import { goalLine, table } from './table.ts';

// What an idle session with its stream costs a server: live heap and RSS after forced collections, as the difference that
// so many sessions make. Each round starts one server after the other; ratios are to bare streams of the same round.
// Usage: idle-sessions.ts [--sessions 1000,5000,20000] [--rounds 3] [--peers sdk-v1,fastmcp,…]
const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000,5000,20000' },
    rounds: { type: 'string', default: '3' },
    peers: { type: 'string', default: '' },
  },
});
/** In the generator and in the server; each session is one open file, and so is what they have besides. */
const OTHER_FILES = 200;

const rows: readonly { readonly name: ServerName; readonly tools: 5 | 50 }[] = [
  { name: 'bare', tools: 5 },
  { name: 'berth', tools: 5 },
  { name: 'berth', tools: 50 },
  ...(values.peers === '' ? [] : peersNamed(values.peers).map((name) => ({ name, tools: 5 as const }))),
];
const labelOf = ({ name, tools }: (typeof rows)[number]) => `${name}, ${tools} tools`;

const maxFiles = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity);
const wanted = values.sessions.split(',').map(Number);
const counts = wanted.filter((count) => count + FIRST + OTHER_FILES <= maxFiles).toSorted((a, b) => a - b);
const tooMany = wanted.filter((count) => !counts.includes(count));

/** Of each row, then by count of sessions. */
const seen = new Rounds<Memory[]>();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const row of rows) seen.add(labelOf(row), await measureIdleSessions(row.name, row.tools, counts));
}

type Field = keyof Memory;
const kilobytes = (field: Field, index: number) => (all: Memory[]) => (all[index]?.[field] ?? Number.NaN) / 1_024;
const ratios = (label: string, field: Field, index: number) =>
  seen.ratios(label, 'bare, 5 tools', kilobytes(field, index));

const { stdout } = process;
stdout.write(`An idle session with its stream, KB each, median of ${values.rounds} rounds (least–most)\n`);
for (const [index, count] of counts.entries()) {
  const lines = rows
    .map(labelOf)
    .map((label) => [
      label,
      ...(['live', 'rss'] as const).flatMap((field) => [
        seen.spread(label, kilobytes(field, index)),
        spreadOf(ratios(label, field, index)),
      ]),
    ]);
  stdout.write(`\n${count} sessions\n${table([['', 'live heap', '÷ bare', 'RSS', '÷ bare'], ...lines])}`);
}
stdout.write('\nGoals\n');
for (const label of rows.filter(({ name }) => name === 'berth').map(labelOf)) {
  for (const [index, count] of counts.entries()) {
    const [heap, resident] = [ratios(label, 'live', index), ratios(label, 'rss', index)];
    const seenText = `live heap at most 2 × a bare stream's; it is ${spreadOf(heap)}. RSS, aim 1.5: ${spreadOf(resident)}`;
    stdout.write(goalLine(percentile(heap, 50) <= 2, `${label}, ${count} sessions: ${seenText}`));
  }
}
for (const count of tooMany) {
  stdout.write(goalLine(undefined, `${count} sessions: a process may open ${maxFiles} files here; see ulimit -n`));
}
process.exit();
