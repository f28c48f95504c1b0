import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Client } from '../src/load/clients/client.ts';
import { sampleOf } from '../test/fixtures/sample.ts';
import { benchClient, timedCall } from './bench-client.ts';
import { startServer } from './servers.ts';
import { percentile, spread } from './spread.ts';
import { goalLine, table } from './table.ts';

// Whether idle streams slow other clients down: one client lists the tools of a session at `/mcp`, in rounds that alternate
// between no stream and so many open and idle ones, of sessions (standalone) or of old clients (sse). A round is longer than
// the 15 s between two keep-alives of a stream.
// Usage: idle-streams.ts [--kind standalone|sse] [--streams 5000] [--rounds 5] [--seconds 16]
const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'standalone' },
    streams: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '16' },
  },
});
const { kind } = values;
if (kind !== 'standalone' && kind !== 'sse') throw new Error(`--kind is standalone or sse. Got ${kind}.`);
const count = Number(values.streams);
const WARM_UP = 3_000;
const POLL_MS = 50;
const PARK_AFTER_SECONDS = 1;

const flags = ['--transport', 'http-compat', '--park-after', `${PARK_AFTER_SECONDS}s`];
const { url, admin = '', stop } = await startServer('berth', { cap: count + 10, flags });

const streams = async () => (await sampleOf(admin, `mcp_open_streams{kind="${kind}"}`)) ?? 0;

/** Opens the streams from a process of its own, so that reading them delays nobody here. */
async function openStreams(): Promise<ChildProcess> {
  const era = kind === 'sse' ? 'sse' : 'legacy';
  const load = [fileURLToPath(new URL('../src/cli/main.ts', import.meta.url)), 'load', url, '--era', era];
  const holding = ['--sessions', String(count), '--streams', '--concurrency', '50', '--rate', '0', '--duration', '1h'];
  const child = spawn(process.execPath, [...load, ...holding], { stdio: ['ignore', 'ignore', 'inherit'] });
  // A benchmark that throws leaves nobody behind.
  process.once('exit', () => child.kill('SIGKILL'));
  while ((await streams()) < count) {
    if (child.exitCode !== null) throw new Error(`The streams' clients ended with exit code ${child.exitCode}.`);
    await sleep(POLL_MS);
  }
  // Until their sessions doze: that is work too, but none of an idle stream.
  await sleep(2 * PARK_AFTER_SECONDS * 1_000);
  return child;
}

async function closeStreams(child: ChildProcess): Promise<void> {
  child.kill('SIGINT');
  await once(child, 'exit');
  while ((await streams()) > 0) await sleep(POLL_MS);
}

async function measure(caller: Client): Promise<number[]> {
  const took: number[] = [];
  const end = performance.now() + Number(values.seconds) * 1_000;
  while (performance.now() < end) took.push(await timedCall(caller));
  return took;
}

const rounds: { readonly none: number[]; readonly open: number[] }[] = [];
try {
  const caller = benchClient('legacy', url);
  await caller.open();
  caller.prepare({ method: 'tools/list', params: {} });
  for (let i = 0; i < WARM_UP; i++) await timedCall(caller);
  for (let round = 0; round < Number(values.rounds); round++) {
    const none = await measure(caller);
    const holder = await openStreams();
    // What opening them left behind is no cost of an idle stream.
    for (let i = 0; i < WARM_UP / 3; i++) await timedCall(caller);
    const open = await measure(caller);
    const held = await streams();
    if (held !== count) throw new Error(`${held} of ${count} streams are still open.`);
    rounds.push({ none, open });
    await closeStreams(holder);
  }
  await caller.close();
} finally {
  await stop();
}

const of = (read: (round: (typeof rounds)[number]) => number, digits = 3) => spread(rounds.map(read), digits);
const p50 = (took: readonly number[]) => percentile(took, 50);
const p99 = (took: readonly number[]) => percentile(took, 99);
const all = (when: 'none' | 'open') => rounds.flatMap((round) => round[when]);
const together = p99(all('open')) / p99(all('none'));
const ratios = rounds.map(({ none, open }) => p99(open) / p99(none));
process.stdout.write(`tools/list beside ${kind} streams, median of ${rounds.length} rounds (least–most), ${values.seconds} s each
${table([
  ['', 'p50 ms', 'p99 ms'],
  ['no stream', of(({ none }) => p50(none)), of(({ none }) => p99(none))],
  [`${count} idle streams`, of(({ open }) => p50(open)), of(({ open }) => p99(open))],
])}
${goalLine(percentile(ratios, 50) <= 1.5, `p99 with streams at most 1.5 × that without; it is ${spread(ratios)}, of all calls together ${together.toFixed(2)}`)}`);
process.exit();
