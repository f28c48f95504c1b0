import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test, vi } from 'vitest';
import { CHILD_MARKER } from '../../../src/sources/command/environment.ts';
import { Guard } from '../../../src/sources/command/guard.ts';
import { GUARD_SCRIPT } from '../../../src/sources/command/guard-script.ts';
import { ProcessTable } from '../../../src/sources/command/process-table.ts';
import { alive, bearers, behaviour, childrenOf, keptLog, listenTo, parentOf } from './behaving.ts';

const patience = { timeout: 10_000, interval: 50 };

/** The guards that look for this nonce. */
function guardsOf(marker: string): number[] {
  const nonce = marker.slice(0, marker.indexOf('.'));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').endsWith(`\0${CHILD_MARKER}=${nonce}\0`);
      } catch {
        return false;
      }
    });
}

/** A process that has two children of this command; each of them has said something. */
async function startParent(command = behaviour('family', 'deaf')) {
  const parent = spawn(process.execPath, parentOf(command), { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const told: { marker: string; message: { params: { pids: number[] } } }[] = [];
  createInterface({ input: parent.stdout }).on('line', (line) => told.push(JSON.parse(line)));
  await vi.waitFor(() => expect(told).toHaveLength(2), patience);
  const markers = told.map(({ marker }) => marker);
  return { parent, told, markers, processes: markers.flatMap(bearers) };
}

test('children and what they started are gone soon after their parent was killed, and only they', async () => {
  const { children } = childrenOf(behaviour('echo'));
  const bystander = children.spawn();
  const heard = listenTo(bystander);
  const { parent, markers, processes } = await startParent();
  expect(processes).toHaveLength(6);
  const guards = guardsOf(markers[0] ?? '');
  expect(guards).toHaveLength(1);
  parent.kill('SIGKILL');
  await vi.waitFor(() => expect(processes.filter(alive)).toEqual([]), { timeout: 5_000, interval: 50 });
  await vi.waitFor(() => expect(guards.filter(alive)).toEqual([]), patience);
  void bystander.send({ jsonrpc: '2.0', id: 1, method: 'echo' });
  await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
});

test('a parent that closes its children ends, and so does the guard', async () => {
  const { parent, markers, processes } = await startParent();
  const guards = guardsOf(markers[0] ?? '');
  const ended = new Promise((resolve) => parent.once('exit', resolve));
  parent.stdin.end();
  expect(await ended).toBe(0);
  expect([...processes, ...markers.flatMap(bearers)].filter(alive)).toEqual([]);
  await vi.waitFor(() => expect(guards.filter(alive)).toEqual([]), patience);
});

const DEAF = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1_000);`;
/** Without their parent's environment; it tells the pids of both, and the second does not end by SIGTERM. */
const unmarked = (leader: string) => [
  ...['env', '-i', process.execPath, '-e'],
  `const { spawn } = require('node:child_process');
  const ready = "process.stdout.write('up')";
  const other = spawn(process.execPath, ['-e', ${JSON.stringify(DEAF)} + ready], { stdio: ['ignore', 'pipe', 'ignore'] });
  other.stdout.once('data', () => {
    console.log(JSON.stringify({ jsonrpc: '2.0', method: 'up', params: { pids: [process.pid, other.pid] } }));
    other.stdout.destroy();
    other.unref();
  });
  ${leader}`,
];

test.for([
  ['ignore the end of their input and SIGTERM', DEAF],
  ['end by SIGTERM', `setInterval(() => {}, 1_000);`],
  ['end with their input', `process.stdin.resume();`],
])(
  'children without a marker that %s are gone with all in their session soon after their parent was killed',
  async ([, leader]) => {
    const { parent, told } = await startParent(unmarked(leader as string));
    const processes = told.flatMap(({ message }) => message.params.pids);
    onTestFinished(() => {
      for (const pid of processes.filter(alive)) process.kill(pid, 'SIGKILL');
    });
    expect(processes.filter(alive)).toHaveLength(4);
    parent.kill('SIGKILL');
    await vi.waitFor(() => expect(processes.filter(alive)).toEqual([]), { timeout: 5_000, interval: 50 });
  },
);

test("a process whose pid was that of a child, and one whose child has ended, are none of the guard's", async () => {
  const table = new ProcessTable(() => performance.now());
  const start = () => {
    const started = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    onTestFinished(() => void started.kill('SIGKILL'));
    return { pid: Number(started.pid), leader: `${started.pid}.${table.startOf(Number(started.pid))}` };
  };
  const [child, later, ended] = [start(), start(), start()];
  const guard = spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'berth-guard', `${CHILD_MARKER}=nobody`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const over = once(guard, 'exit');
  guard.stdin.end(`begun ${ended.leader}\nbegun ${child.leader}\nbegun ${later.pid}.1\nended ${ended.leader}\n`);
  expect(await over).toEqual([0, null]);
  expect([child, later, ended].map(({ pid }) => alive(pid))).toEqual([false, true, true]);
});

test('signals that end other programs do not end the guard', async () => {
  const { children } = childrenOf(behaviour('echo'));
  const child = children.spawn();
  await vi.waitFor(() => expect(guardsOf(child.marker)).toHaveLength(1), patience);
  const [guard = 0] = guardsOf(child.marker);
  // The shell has set its traps once it waits for input.
  await vi.waitFor(
    () => expect(readFileSync(`/proc/${guard}/status`, 'latin1')).toMatch(/SigIgn:\s*0*4007$/m),
    patience,
  );
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.kill(guard, signal);
  expect(alive(guard)).toBe(true);
});

test('a guard that was killed is replaced', async () => {
  const { children, entries } = childrenOf(behaviour('echo'));
  const child = children.spawn();
  await vi.waitFor(() => expect(guardsOf(child.marker)).toHaveLength(1), patience);
  const [first = 0] = guardsOf(child.marker);
  process.kill(first, 'SIGKILL');
  await vi.waitFor(() => expect(guardsOf(child.marker).filter((pid) => pid !== first)).toHaveLength(1), patience);
  expect(entries).toContainEqual(expect.objectContaining({ level: 40, why: 'SIGKILL' }));
});

test('without a shell there is one warning and no guard', () => {
  const { log, entries } = keptLog();
  const guard = new Guard({ nonce: 'n', path: undefined, log, shell: '/no/such/shell' });
  guard.start();
  guard.begun(1);
  guard.start();
  guard.close();
  expect(guard.pid).toBe(undefined);
  expect(entries.map(({ msg }) => msg)).toEqual([expect.stringContaining('there is no /no/such/shell')]);
});
