import { execFile } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Child } from '../../../src/sources/command/child.ts';
import { ProcessTable } from '../../../src/sources/command/process-table.ts';
import { alive, behaviour, keptLog } from './behaving.ts';

const clock = () => performance.now();
const patience = { timeout: 10_000, interval: 20 };

/** A table that can be taken away, with one process in it. */
async function tableThatFails() {
  const home = mkdtempSync(join(tmpdir(), 'berth-table-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const [root, elsewhere] = [join(home, 'proc'), join(home, 'away')];
  for (const pid of ['self', '77']) {
    await mkdir(join(root, pid), { recursive: true });
    const fields = ['S', '1', '77', ...Array<string>(16).fill('0'), '12345'];
    await writeFile(join(root, pid, 'stat'), `77 (a b) ${fields.join(' ')}`);
    await writeFile(join(root, pid, 'environ'), 'BERTH_CHILD=x.1\0');
  }
  const table = new ProcessTable(clock, root);
  return { root, table, fail: () => renameSync(root, elsewhere), mend: () => renameSync(elsewhere, root) };
}

test('memory counts shared pages in parts where the kernel says so, and as a whole elsewhere', async () => {
  const { root, table } = await tableThatFails();
  const [entry] = await table.read();
  if (entry === undefined) throw new Error('The table has no process.');
  await writeFile(join(root, '77', 'status'), 'VmHWM:\t   90 kB\nVmRSS:\t   80 kB\n');
  expect(table.shareOfMemory(entry)).toBe(80 * 1024);
  await writeFile(join(root, '77', 'smaps_rollup'), 'Rss:       80 kB\nPss:       30 kB\nPss_Anon:  20 kB\n');
  expect(table.shareOfMemory(entry)).toBe(30 * 1024);
  rmSync(join(root, '77'), { recursive: true });
  expect(table.shareOfMemory(entry)).toBe(0);
});

test('a reading that fails does so alone: the next one is as good as ever', async () => {
  const { table, fail, mend } = await tableThatFails();
  const entries = [{ pid: 77, group: 77, started: '12345', marker: 'x.1' }];
  expect(await table.read()).toEqual(entries);
  fail();
  await expect(table.read()).rejects.toThrow('ENOENT');
  await expect(table.read()).rejects.toThrow('ENOENT');
  mend();
  expect(await table.read()).toEqual(entries);
});

test('a child ends while the processes can not be read, and is gone once they can', async () => {
  const { table, fail, mend } = await tableThatFails();
  const { log } = keptLog();
  const environment = { PATH: process.env['PATH'] ?? '' };
  const command = behaviour('family', 'crash');
  const child = new Child({ command, environment, marker: 'y', maxMessage: 1e6, memory: undefined, table, log, clock });
  const pids: number[] = [];
  child.listen({
    message(message) {
      pids.push(...(message as unknown as { params: { pids: number[] } }).params.pids);
      return undefined;
    },
    exited: () => {},
  });
  onTestFinished(() => {
    for (const pid of pids.filter(alive)) process.kill(pid, 'SIGKILL');
  });
  fail();
  let gone = false;
  void child.gone.then(() => {
    gone = true;
  });
  // The one that stayed in the group; the other can not be found now.
  await vi.waitFor(() => expect([pids.length, alive(pids[0] ?? 0)]).toEqual([2, false]), patience);
  expect(gone).toBe(false);
  mend();
  await child.gone;
});

test('a process that has no file descriptor to spare tells so, and goes on with the next', async () => {
  const url = (name: string) => new URL(`../../../src/sources/command/${name}.ts`, import.meta.url);
  const program = `
import { closeSync, openSync } from 'node:fs';
import { ProcessTable } from '${url('process-table')}';
import { Children } from '${url('children')}';
const log = { warn() {}, child: () => log };
const clock = () => performance.now();
const table = new ProcessTable(clock);
const options = { command: ['cat'], environment: {}, maxMessage: 1000, log, clock };
const children = new Children(options);
const taken = [];
try { for (;;) taken.push(openSync('/dev/null')); } catch {}
const reading = await table.read().then(() => 'read', ({ code }) => code);
const { reason } = await children.spawn().exited;
for (const file of taken) closeSync(file);
const again = (await table.read()).some(({ pid }) => pid === process.pid);
const child = children.spawn();
await children.close();
console.log(JSON.stringify([reading, reason, again, (await child.exited).code]));
process.exit();
`;
  const limited = ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', program];
  const { stdout } = await promisify(execFile)('/bin/sh', limited, { timeout: 10_000 });
  expect(JSON.parse(stdout)).toEqual(['EMFILE', expect.stringContaining('EMFILE'), true, 0]);
});
