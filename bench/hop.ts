import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePorts } from '../test/fixtures/free-ports.ts';
import { openRawClient, openRawSession, postOf } from './raw-client.ts';
import { type ServeProcess, startServe } from './serve-process.ts';
import { percentile, spread } from './spread.ts';

// What a forwarding hop costs: two processes are one fleet, one client calls a trivial tool of one session, now at the
// process that holds it, now at the other one, in alternating rounds. With --upstream the other one is no peer, but has the
// first as its upstream. Usage: hop.ts [--upstream] [--runs 5] [--calls 2000] [--prof DIR]
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    calls: { type: 'string', default: '2000' },
    prof: { type: 'string' },
    upstream: { type: 'boolean', default: false },
  },
});
const ROUNDS = 10;
const WARM_UP = 3_000;
const source = fileURLToPath(new URL('./five-tools.ts', import.meta.url));
const call = { id: 1, method: 'tools/call', params: { name: 'echo', arguments: { value: 'x' } } };

interface Path {
  readonly send: () => Promise<string>;
  /** Milliseconds per call. */
  readonly took: number[];
  /** Microseconds of CPU per call: of the process that is asked, and of the owner. */
  edge: number;
  owner: number;
}

async function openPath(asked: ServeProcess, session: string): Promise<Path> {
  const client = await openRawClient(asked.port);
  const request = postOf(asked.port, call, session);
  return { send: () => client.send(request), took: [], edge: 0, owner: 0 };
}

type Processes = readonly [owner: ServeProcess, edge: ServeProcess];

async function startPeers(): Promise<Processes> {
  const start = (port: number | undefined) => startServe([source, '--peer-port', String(port), ...flags], profile);
  return await Promise.all([start(ports[0]), start(ports[1])]);
}

async function startProxied(): Promise<Processes> {
  const alone = ['--drain-delay', '0s', '--drain-window', '0s'];
  const owner = await startServe([source, ...alone], profile);
  return [owner, await startServe(['--upstream', `http://127.0.0.1:${owner.port}/mcp`, ...alone], profile)];
}

const cpu = (process: ServeProcess) => process.metric('process_cpu_seconds_total');

async function round(path: Path, calls: number, [edge, owner]: readonly [ServeProcess, ServeProcess]): Promise<void> {
  const before = [await cpu(edge), await cpu(owner)] as const;
  for (let i = 0; i < calls; i++) {
    const begun = performance.now();
    const answer = await path.send();
    path.took.push(performance.now() - begun);
    if (!answer.startsWith('HTTP/1.1 200')) throw new Error(answer);
  }
  path.edge += (await cpu(edge)) - before[0];
  path.owner += (await cpu(owner)) - before[1];
}

const folder = mkdtempSync(join(tmpdir(), 'berth-hop-'));
const key = join(folder, 'key');
writeFileSync(key, randomBytes(48).toString('base64'));
const ports = await freePorts(2);
const peers = ports.map((port) => `127.0.0.1:${port}`).join(',');
const profile = values.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.prof}`];
const flags = ['--peers', peers, '--peer-identity', `key:${key}`, '--drain-delay', '0s', '--drain-window', '0s'];
const processes = values.upstream ? await startProxied() : await startPeers();
const [owner, edge] = processes;
const calls = Number(values.calls) / ROUNDS;
const rows: { direct: Path; forwarded: Path }[] = [];
try {
  for (let run = 0; run < Number(values.runs); run++) {
    const session = await openRawSession(await openRawClient(owner.port), owner.port);
    const behind = values.upstream ? await openRawSession(await openRawClient(edge.port), edge.port) : session;
    const [direct, forwarded] = [await openPath(owner, session), await openPath(edge, behind)];
    for (let i = 0; i < WARM_UP; i++) await (i % 2 === 0 ? direct : forwarded).send();
    for (let i = 0; i < ROUNDS; i++) {
      await round(direct, calls, [edge, owner]);
      await round(forwarded, calls, [edge, owner]);
    }
    rows.push({ direct, forwarded });
  }
} finally {
  for (const { child } of processes) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}

const of = (read: (row: (typeof rows)[number]) => number, digits?: number) => spread(rows.map(read), digits);
const added = of(({ direct, forwarded }) => percentile(forwarded.took, 50) / percentile(direct.took, 50) - 1);
const microseconds = (seconds: number) => (seconds * 1e6) / Number(values.calls);
process.stdout.write(`median of ${rows.length} runs (least–most), ${values.calls} calls each way per run
            p50 ms               p99 ms               CPU at owner µs      CPU at edge µs
direct      ${of(({ direct }) => percentile(direct.took, 50), 3).padEnd(20)} ${of(({ direct }) => percentile(direct.took, 99), 3).padEnd(20)} ${of(({ direct }) => microseconds(direct.owner), 0).padEnd(20)} –
forwarded   ${of(({ forwarded }) => percentile(forwarded.took, 50), 3).padEnd(20)} ${of(({ forwarded }) => percentile(forwarded.took, 99), 3).padEnd(20)} ${of(({ forwarded }) => microseconds(forwarded.owner), 0).padEnd(20)} ${of(({ forwarded }) => microseconds(forwarded.edge), 0)}
added p50 as a share of a direct call's: ${added}; the goal is 0.50
`);
