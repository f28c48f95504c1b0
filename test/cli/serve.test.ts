import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { alive } from '../sources/command/behaving.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

function berth(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

function module(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'berth-module-')), 'server.mjs');
  writeFileSync(path, text);
  return path;
}

interface Row {
  readonly what: string;
  readonly args: readonly string[];
  readonly says: RegExp;
}

/** A module file with this text, as the source. */
const serving = (what: string, text: string, says: RegExp): Row => ({ what, args: ['serve', module(text)], says });

test.for<Row>([
  { what: 'an unknown flag', args: ['serve', '--max-connection', '3'], says: /unknown option[\s\S]*--max-connections/ },
  {
    what: 'a cap of 0',
    args: ['serve', '--max-connections', '0'],
    says: /--max-connections must be at least 1\. Got 0\./,
  },
  { what: 'port 70000', args: ['serve', '--port', '70000'], says: /--port must be at most 65535\. Got 70000\./ },
  {
    what: 'a flag that the transport ignores',
    args: ['serve', '--transport', 'stdio', '--port', '8000'],
    says: /--port has no effect with --transport stdio\./,
  },
  {
    what: 'two kinds of sources',
    args: ['serve', '--upstream', 'http://127.0.0.1:9', '--', 'npx', 'some-server'],
    says: /--upstream has no effect when berth serves a command/,
  },
  { what: 'a module that is not there', args: ['serve', './no.ts'], says: /Module \.\/no\.ts could not be loaded/ },
  { what: 'no command behind --', args: ['serve', '--'], says: /serve takes a command behind --\. Got nothing there/ },
  { what: 'two sources', args: ['serve', 'a', 'b'], says: /too many arguments/ },
  { what: 'an unknown command', args: ['sail'], says: /unknown command 'sail'/ },
  serving(
    'a module that exports a number',
    'export default 42;',
    /does not export a server.*a default export of type number/,
  ),
  serving('a module without default export', 'export const server = 1;', /does not export a server.*no default export/),
  serving('a factory of something else', 'export default () => ({});', /does not export a server/),
  serving('a factory of null', 'export default () => null;', /does not export a server.*null/),
  serving(
    'a factory that throws',
    'export default () => { throw new Error("no database"); };',
    /create its server: no database/,
  ),
  serving('a module that is no JavaScript', 'this is no JavaScript', /could not be loaded/),
])('$what is a usage error: exit 2, and nothing on stdout', ({ args, says }) => {
  const { status, stdout, stderr } = berth(...args);
  expect(stderr).toMatch(says);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
});

test.for([
  ['http', ['--port', '0', '--admin-port', '0']],
  ['a worker', ['--port', '0', '--admin-port', '0', '--workers', '2']],
  ['stdio', ['--transport', 'stdio']],
] as const)('SIGTERM before a command has answered leaves nothing of it behind: %s', async ([, flags]) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-hanging-'));
  const hanging = `process.on('SIGTERM', () => {});
    require('node:fs').writeFileSync(process.argv[1] + '/' + process.pid, '');
    setInterval(() => {}, 1_000);`;
  const server = spawn(process.execPath, [main, 'serve', ...flags, '--', process.execPath, '-e', hanging, folder]);
  const exit = once(server, 'exit');
  await expect.poll(() => readdirSync(folder)).toHaveLength(1);
  const [pid] = readdirSync(folder).map(Number);
  server.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
  // What the guard does comes later.
  await expect.poll(() => alive(Number(pid)), { timeout: 1_000, interval: 20 }).toBe(false);
});

test('a port that is in use is told, even though sockets may share ports', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen({ port: 0, host: '127.0.0.1', reusePort: true }, resolve));
  const { port } = other.address() as { port: number };
  const { status, stderr } = berth('serve', '--port', String(port), '--admin-port', '0');
  other.close();
  expect(stderr).toMatch(new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use`));
  expect(status).toBe(1);
});

test('--help shows every setting with its default', () => {
  const { status, stdout } = berth('serve', '--help');
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /--max-connections <n\|auto>\s+connections that one worker holds at most; auto: [^)]*\(default: 1000\)/,
  );
  expect(stdout).toContain('BERTH_MAX_CONNECTIONS');
});

test('a signal before the module has loaded ends the process in order', async () => {
  const path = module(
    'process.stdout.write("loading"); await new Promise((go) => setTimeout(go, 20000)); export default 1;',
  );
  const child = spawn(process.execPath, [main, 'serve', path, '--port', '0', '--admin-port', '0']);
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});
