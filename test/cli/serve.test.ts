import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

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

test.for<readonly [string[], RegExp]>([
  [['serve', '--max-connection', '3'], /unknown option '--max-connection'[\s\S]*--max-connections/],
  [['serve', '--max-connections', '0'], /--max-connections must be at least 1\. Got 0\./],
  [['serve', '--port', '70000'], /--port must be at most 65535\. Got 70000\./],
  [['serve', '--transport', 'stdio', '--port', '8000'], /--port has no effect with --transport stdio\./],
  [['serve', '--transport', 'stdio'], /--transport stdio is not available yet\./],
  [['serve', '--upstream', 'http://127.0.0.1:9'], /--upstream .* is not available yet/],
  [['serve', '--', 'npx', 'some-server'], /Serving a command .* is not available yet/],
  [['serve', './no-such-module.ts'], /Module \.\/no-such-module\.ts could not be loaded/],
  [['serve', module('export default 42;')], /does not export a server.*Found a default export of type number/],
  [['serve', module('export const server = 1;')], /does not export a server.*Found no default export/],
  [['serve', module('export default () => ({});')], /does not export a server/],
  [['serve', module('export default () => null;')], /does not export a server.*null/],
  [
    ['serve', module('export default () => { throw new Error("no database"); };')],
    /failed to create its server: no database/,
  ],
  [['serve', module('this is no JavaScript')], /could not be loaded/],
  [['serve', 'a', 'b'], /too many arguments/],
  [['sail'], /unknown command 'sail'/],
])('berth %j is a usage error', ([args, says]) => {
  const { status, stdout, stderr } = berth(...args);
  expect(stderr).toMatch(says);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
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
  expect(stdout).toMatch(/--max-connections <n>\s+connections that one worker holds at most\s+\(default: 1000\)/);
  expect(stdout).toContain('BERTH_MAX_CONNECTIONS');
});
