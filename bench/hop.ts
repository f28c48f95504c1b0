import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { HttpConnection } from '../src/load/http-connection.ts';
import type { Fields } from '../src/load/requests.ts';
import { freePorts } from '../test/fixtures/free-ports.ts';
import { openSession, sessionCall } from './legacy-session.ts';
import { type ServeProcess, startServe } from './serve-process.ts';
import { percentile, spread } from './spread.ts';

// What a forwarding hop costs: two processes are one fleet, one client calls a trivial tool of one session, now at the
// process that holds it, now at the other one, in alternating rounds. With --upstream the other one is no peer, but has the
// first as its upstream. What a pipe adds that only passes bytes on is the least there can be. Usage: hop.ts [--upstream] [--runs 5] [--calls 2000] [--prof DIR]
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
const call = { method: 'tools/call', params: { name: 'echo', arguments: { value: 'x' } } };

interface Path {
  readonly send: () => Promise<void>;
  /** Milliseconds per call. */
  readonly took: number[];
  /** Microseconds of CPU per call: of the process that is asked, and of the owner. */
  edge: number;
  owner: number;
}

type Asked = Pick<ServeProcess, 'port'>;
const urlOf = ({ port }: Asked) => new URL(`http://127.0.0.1:${port}/mcp`);
const connect = (asked: Asked) => new HttpConnection(urlOf(asked), { timeout: 60_000 });

function openPath(asked: Asked, session: Fields): Path {
  return { send: sessionCall(connect(asked), urlOf(asked), session, call), took: [], edge: 0, owner: 0 };
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
    await path.send();
    path.took.push(performance.now() - begun);
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
const rows: { direct: Path; piped: Path; forwarded: Path }[] = [];
const between = fork(fileURLToPath(new URL('pipe.ts', import.meta.url)), [String(owner.port)]);
const [port] = (await once(between, 'message')) as [number];
try {
  for (let run = 0; run < Number(values.runs); run++) {
    const session = await openSession(connect(owner), urlOf(owner));
    const behind = values.upstream ? await openSession(connect(edge), urlOf(edge)) : session;
    const row = {
      direct: openPath(owner, session),
      piped: openPath({ port }, session),
      forwarded: openPath(edge, behind),
    };
    const paths = Object.values(row);
    for (let i = 0; i < WARM_UP; i++) await paths[i % paths.length]?.send();
    for (let i = 0; i < ROUNDS; i++) {
      for (const path of paths) await round(path, calls, [edge, owner]);
    }
    rows.push(row);
  }
} finally {
  between.kill();
  for (const { child } of processes) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}

const of = (read: (row: (typeof rows)[number]) => number, digits?: number) => spread(rows.map(read), digits);
const added = (path: 'piped' | 'forwarded') =>
  of(({ direct, [path]: { took } }) => percentile(took, 50) / percentile(direct.took, 50) - 1);
const microseconds = (seconds: number) => (seconds * 1e6) / Number(values.calls);
process.stdout.write(`median of ${rows.length} runs (least–most), ${values.calls} calls each way per run
            p50 ms               p99 ms               CPU at owner µs      CPU at edge µs
direct      ${of(({ direct }) => percentile(direct.took, 50), 3).padEnd(20)} ${of(({ direct }) => percentile(direct.took, 99), 3).padEnd(20)} ${of(({ direct }) => microseconds(direct.owner), 0).padEnd(20)} –
forwarded   ${of(({ forwarded }) => percentile(forwarded.took, 50), 3).padEnd(20)} ${of(({ forwarded }) => percentile(forwarded.took, 99), 3).padEnd(20)} ${of(({ forwarded }) => microseconds(forwarded.owner), 0).padEnd(20)} ${of(({ forwarded }) => microseconds(forwarded.edge), 0)}
added p50 as a share of a direct call's: ${added('forwarded')}; the goal is 0.50; a bare pipe adds ${added('piped')}
`);
