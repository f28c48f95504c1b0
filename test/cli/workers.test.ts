import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { Connections } from '../../src/server/metrics.ts';
import { eventually } from '../server/running.ts';
import { initialize, inSession, JSON_AND_EVENTS, modernCall, openSession, toolCall } from '../server/wire.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const QUICK = [
  '--drain-delay',
  '0s',
  '--drain-window',
  '0s',
  '--port',
  '0',
  '--admin-port',
  '0',
  '--max-call-delay',
  '1h',
];

function module(code: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'berth-module-')), 'server.mjs');
  writeFileSync(path, code);
  return path;
}

interface LogLine {
  readonly msg: string;
  readonly worker?: number;
  readonly pause?: number;
  readonly port: number;
  readonly adminPort: number;
  readonly [detail: string]: unknown;
}

/** Starts `berth serve` with workers; it leads a process group of its own, as a terminal's foreground job does. */
function serve(workers: number, ...args: string[]) {
  const child = spawn(process.execPath, [main, 'serve', '--workers', String(workers), ...args], { detached: true });
  const pid = child.pid as number;
  onTestFinished(() => void child.kill('SIGKILL'));
  let err = '';
  child.stderr.on('data', (chunk) => (err += chunk));
  const logs = (msg: string) =>
    err
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine)
      .filter((line) => line.msg === msg);
  return { child, pid, said: () => err, logs, exit: once(child, 'close').then(([code]) => code as number | null) };
}

/** The same, once it serves. */
async function serving(workers: number, ...args: string[]) {
  const fleet = serve(workers, ...QUICK, ...args);
  const [{ port, adminPort }] = (await eventually(
    () => fleet.logs('Started server'),
    ({ length }) => length > 0,
    20_000,
  )) as [LogLine];
  const admin = `http://127.0.0.1:${adminPort}`;
  const origin = `http://127.0.0.1:${port}`;
  return {
    ...fleet,
    origin,
    url: `${origin}/mcp`,
    admin,
    pids: fleet.logs('Started worker').map(({ worker }) => worker as number),
    counts: async () => (await (await fetch(`${admin}/connections`)).json()) as Connections,
    metrics: async () => (await (await fetch(`${admin}/metrics`)).text()).split('\n'),
  };
}

interface Answer {
  readonly status: number | undefined;
  readonly session: string;
  readonly body: string;
}

/** Sends a request by node:http; an agent with one socket makes a client that stays with one worker. */
async function send(url: string, agent: Agent | false, message?: unknown, headers = {}): Promise<Answer> {
  const method = message === undefined ? 'GET' : 'POST';
  const req = request(url, { agent, method, headers: { ...JSON_AND_EVENTS, ...headers } });
  req.end(message === undefined ? undefined : JSON.stringify(message));
  const [res] = await once(req, 'response');
  return { status: res.statusCode, session: String(res.headers['mcp-session-id']), body: await text(res) };
}

/** The id of the worker that answers `GET /` on this socket; on a new one by default. */
async function workerOf(origin: string, agent: Agent | false = false): Promise<string> {
  return JSON.parse((await send(`${origin}/`, agent)).body).serverId;
}

/** Which workers answer, of those that are met with new sockets until `enough`. */
async function workersMet(origin: string, enough: (met: ReadonlySet<string>) => boolean): Promise<Set<string>> {
  const met = new Set<string>();
  return await eventually(async () => met.add(await workerOf(origin)), enough, 20_000);
}

/** A process that has ended but was not waited for is gone as well. */
const runs = (pid: number) =>
  /^[^Z]/.test(
    spawnSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .stdout.toString()
      .trim(),
  );

test('workers share the port, and their numbers are one', async () => {
  const fleet = await serving(3, '--max-connections', '5');
  expect((await workersMet(fleet.origin, ({ size }) => size === 3)).size).toBe(3);
  for (let i = 0; i < 4; i++) await send(fleet.url, false, initialize());
  expect(await fleet.counts()).toMatchObject({ active: 4, max: 15, sessions: { active: 4 }, draining: false });
  const samples = await fleet.metrics();
  for (const sample of ['max_connections 15', 'active_connections 4', 'sessions_opened_total 4', 'draining 0']) {
    expect(samples).toContain(`mcp_${sample}`);
  }
  expect(samples).toContain('mcp_workers 3');
  expect(samples.filter((line) => line.startsWith('process_start_time_seconds '))).toHaveLength(1);
  expect((await fetch(`${fleet.admin}/health-check`)).status).toBe(200);
});

test('SIGTERM drains all workers at once: calls in flight end, and one line tells of it', async () => {
  const fleet = await serving(3);
  const calls = Array.from({ length: 9 }, () => modernCall(fleet.url, 'wait', { seconds: 1 }));
  await eventually(fleet.counts, ({ requestsInFlight }) => requestsInFlight.modern === 9);
  fleet.child.kill('SIGTERM');
  await eventually(
    async () => (await fetch(`${fleet.admin}/health-check`)).status,
    (status) => status === 503,
  );
  for (const answer of await Promise.all(calls)) expect(await answer.text()).toContain('Waited');
  expect(await fleet.exit).toBe(0);
  expect(fleet.logs('Finished drain')).toMatchObject([{ callsFinished: 9, callsCut: 0 }]);
  expect(fleet.pids.filter(runs)).toEqual([]);
});

test('Ctrl-C reaches every process of a terminal, and still the workers end in order', async () => {
  const fleet = await serving(2);
  const call = modernCall(fleet.url, 'wait', { seconds: 1 });
  await eventually(fleet.counts, ({ requestsInFlight }) => requestsInFlight.modern === 1);
  process.kill(-fleet.pid, 'SIGINT');
  expect(await (await call).text()).toContain('Waited');
  expect(await fleet.exit).toBe(0);
});

test('a second signal ends at once, and says what it cut', async () => {
  const fleet = await serving(2);
  const call = modernCall(fleet.url, 'wait', { seconds: 60 }).then((answer) => answer.text());
  const cut = expect(call).rejects.toThrow();
  await eventually(fleet.counts, ({ requestsInFlight }) => requestsInFlight.modern === 1);
  const timer = setInterval(() => fleet.child.kill('SIGTERM'), 50);
  expect(await fleet.exit).toBe(1);
  clearInterval(timer);
  await cut;
  expect(fleet.logs('Finished drain')).toMatchObject([{ callsCut: 1 }]);
});

test('a worker that is killed is replaced on the same port; the others do not notice', async () => {
  const fleet = await serving(3);
  const clients = new Map<string, { readonly agent: Agent; readonly session: string }>();
  const agents: Agent[] = [];
  onTestFinished(() => {
    for (const agent of agents) agent.destroy();
  });
  await eventually(
    async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      agents.push(agent);
      const worker = await workerOf(fleet.origin, agent);
      if (!clients.has(worker)) {
        const { session } = await send(fleet.url, agent, initialize());
        clients.set(worker, { agent, session });
      }
      return clients.size;
    },
    (size) => size === 3,
  );
  const before = await fleet.metrics();
  expect(before).toContain('mcp_sessions_opened_total 3');

  const [victim = 0] = fleet.pids;
  process.kill(victim, 'SIGKILL');
  await eventually(
    () => fleet.logs('Lost worker'),
    ([lost]) => lost?.worker === victim && lost['signal'] === 'SIGKILL',
  );
  expect((await fetch(`${fleet.admin}/health-check`)).status).toBe(200);
  const call = toolCall(1, 'add', { a: 2, b: 3 });
  const answers = await Promise.allSettled(
    [...clients.values()].map(({ agent, session }) => send(fleet.url, agent, call, inSession(session))),
  );
  const served = answers.filter((answer) => answer.status === 'fulfilled' && answer.value.status === 200);
  expect(served).toHaveLength(2);

  const met = await workersMet(fleet.origin, (seen) => [...seen].some((worker) => !clients.has(worker)));
  expect(met.size).toBeGreaterThan(0);
  const after = await eventually(fleet.metrics, (lines) => lines.includes('mcp_workers 3'));
  expect(after).toContain('mcp_sessions_opened_total 3');
});

test('workers that die again and again are replaced after longer and longer pauses', async () => {
  const source = module(`
    import hello from ${JSON.stringify(new URL('../../examples/hello/server.ts', import.meta.url).href)};
    export default { ...hello, start() { setTimeout(() => process.exit(7), 100); } };
  `);
  const fleet = serve(2, ...QUICK, source);
  const lost = await eventually(
    () => fleet.logs('Lost worker'),
    (lines) => lines.some(({ pause }) => pause === 400),
    20_000,
  );
  expect(new Set(lost.map(({ pause }) => pause))).toEqual(new Set([100, 200, 400]));
  expect(lost[0]).toMatchObject({ code: 7, signal: null });
});

test('a worker that does not answer is left out of the numbers, and holds up nobody', async () => {
  const fleet = await serving(3, '--max-connections', '5');
  const [stuck = 0] = fleet.pids;
  process.kill(stuck, 'SIGSTOP');
  const samples = await fleet.metrics();
  process.kill(stuck, 'SIGCONT');
  expect(samples).toContain('mcp_max_connections 10');
  expect(fleet.logs('Left out a worker that did not answer')).toMatchObject([{ worker: stuck }]);
  const later = await eventually(fleet.metrics, (lines) => lines.includes('mcp_max_connections 15'));
  expect(later.join('\n')).toMatch(/^mcp_worker_reports_missed_total [1-9]/m);
});

test('a worker that hangs does not keep the others from their end', async () => {
  const fleet = await serving(2, '--longest-call', '0s');
  const [stuck = 0] = fleet.pids;
  process.kill(stuck, 'SIGSTOP');
  onTestFinished(() => void (runs(stuck) && process.kill(stuck, 'SIGKILL')));
  fleet.child.kill('SIGTERM');
  expect(await fleet.exit).toBe(1);
  expect(fleet.logs('Finished drain')).toMatchObject([{ workersLost: 1 }]);
  expect(fleet.pids.filter(runs)).toEqual([]);
});

test('workers do not outlive a supervisor that is killed', async () => {
  const fleet = await serving(3);
  expect(fleet.pids.filter(runs)).toHaveLength(3);
  await openSession(fleet.url);
  fleet.child.kill('SIGKILL');
  await eventually(
    () => fleet.pids.filter(runs),
    ({ length }) => length === 0,
  );
});

test('what is wrong with a module is told once', async () => {
  const fleet = serve(3, ...QUICK, module('export default 42;'));
  expect(await fleet.exit).toBe(2);
  expect(fleet.said().match(/does not export a server/g)).toHaveLength(1);
});

test('a port that is in use is told once', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen({ port: 0, host: '127.0.0.1', reusePort: true }, resolve));
  onTestFinished(() => void other.close());
  const { port } = other.address() as { port: number };
  const fleet = serve(3, ...QUICK, '--port', String(port));
  expect(await fleet.exit).toBe(1);
  expect(fleet.said()).toBe(
    `error: Cannot listen on 127.0.0.1:${port}: the port is in use. Stop what uses it, or choose another.\n`,
  );
});
