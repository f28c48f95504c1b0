import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test, vi } from 'vitest';
import { CHILD_MARKER } from '../../../src/sources/command/environment.ts';
import { Guard } from '../../../src/sources/command/guard.ts';
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

/** A process that has two children with two grandchildren each. */
async function startParent() {
  const parent = spawn(process.execPath, parentOf(behaviour('family', 'deaf')), { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const told: { marker: string; message: { params: { pids: number[] } } }[] = [];
  createInterface({ input: parent.stdout }).on('line', (line) => told.push(JSON.parse(line)));
  await vi.waitFor(() => expect(told).toHaveLength(2), patience);
  const markers = told.map(({ marker }) => marker);
  return { parent, markers, processes: markers.flatMap(bearers) };
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
