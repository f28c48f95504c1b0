import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { spawnCommand } from '../../../src/sources/command/spawn-command.ts';
import { bearers, behaviour, childrenOf, listenTo } from './behaving.ts';

const MIB = 1024 * 1024;
/** A program that starts another with a limit of 10 GiB, and prints the limit that it has. */
const SPAWN_LIMITED = `
import { spawnCommand } from '${new URL('../../../src/sources/command/spawn-command.ts', import.meta.url)}';
const command = ['/bin/sh', '-c', 'ulimit -d'];
spawnCommand({ command, environment: {}, memory: 10 * 2 ** 30 }).stdout.pipe(process.stdout);
`;
const patience = { timeout: 10_000, interval: 20 };

test.for(['heap', 'buffers'])('a child that takes too much memory ends alone: %s', async (kind) => {
  const options = { childMemory: 192 * MIB };
  const { children: calm } = childrenOf(behaviour('eat', '60', kind), options);
  const { children: greedy } = childrenOf(behaviour('eat', '1000', kind), options);
  const [modest, glutton] = [calm.spawn(), greedy.spawn()];
  const heard = listenTo(modest);
  listenTo(glutton);
  // Whichever comes first: we see it, or the kernel gives it no more and it aborts.
  const seen = 'was ended, since one of its processes used \\d+ MiB of memory and 192 MiB are allowed';
  const refused = 'was ended by SIG[A-Z]+ under a limit of 192 MiB of memory';
  expect((await glutton.exited).reason).toMatch(new RegExp(`^(${seen}|${refused}) \\(--child-memory\\)$`));
  await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
});

test('the kernel gives no more to a child that leaps over its limit between two looks', async () => {
  const command = behaviour('eat', '4000', 'leap');
  const child = spawnCommand({ command, environment: {}, memory: 192 * MIB });
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).not.toBe(0);
  expect(said).toEqual([]);
});

test('a limit that is lower already stays, and the child starts', async () => {
  const lower = ['/bin/sh', '-c', 'ulimit -d 900000; exec "$@"', 'sh', process.execPath, '-e', SPAWN_LIMITED];
  const [shell = '', ...args] = lower;
  const { stdout } = await promisify(execFile)(shell, args);
  expect(stdout).toBe('900000\n');
});

test('a child with too many processes ends with all of them, and one with fewer stays', async () => {
  const { children: few } = childrenOf(behaviour('many', '3'), { childProcesses: 4 });
  const { children: many } = childrenOf(behaviour('many', '12'), { childProcesses: 4 });
  const [small, large] = [few.spawn(), many.spawn()];
  const { reason } = await large.exited;
  expect(reason).toMatch(/^was ended, since it had \d+ processes and 4 are allowed \(--child-processes\)$/);
  await large.gone;
  expect(bearers(large.marker)).toEqual([]);
  await vi.waitFor(() => expect(bearers(small.marker)).toHaveLength(4), patience);
});
