import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { synthesize } from '../../charts/synthesize.ts';
import { loadValues } from '../../src/values/load.ts';
import { eventually } from '../server/running.ts';
import { initialize, inSession, openSession, post } from '../server/wire.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const VALUES = `
name: pier
image: { repository: localhost/pier, tag: '1' }
replicas: 3
server:
  maxConnections: 2
  env: [{ name: PIER_COLOUR, value: green }]
`;

function folderWith(values: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-up-'));
  writeFileSync(join(folder, 'values.yaml'), values);
  return folder;
}

function up(cwd: string, ...args: string[]) {
  return upWith({}, cwd, ...args);
}

function upWith(environment: Readonly<Record<string, string>>, cwd: string, ...args: string[]) {
  const child = spawn(process.execPath, [main, 'up', '--port', '0', '--admin-port', '0', ...args], {
    cwd,
    env: { ...process.env, ...environment },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (said.out += chunk));
  child.stderr.on('data', (chunk) => (said.err += chunk));
  return { child, said, exit: once(child, 'exit').then(([code]) => code as number) };
}

test('up writes what synth would, serves what it describes, and says how to connect', async () => {
  const folder = folderWith(VALUES);
  const { child, said, exit } = up(folder);
  const [, url = ''] = await eventually(
    () => /at (http:\S+\/mcp), 6 connections/.exec(said.out) ?? [],
    ({ length }) => length > 0,
  );
  const expected = synthesize(loadValues({ files: [join(folder, 'values.yaml')] }));
  expect(readFileSync(join(folder, 'dist', expected.fileName), 'utf8')).toBe(expected.yaml);
  expect(said.out).toContain('Wrote dist/pier.k8s.yaml: ');
  expect(said.out).toContain(`inspector --cli ${url}`);
  expect(said.out).toContain('3 workers × 2');
  await eventually(
    () => said.out,
    (out) => out.includes('Connections held: 0 of 6'),
  );
  const [, metrics = ''] = /Metrics: (http:\S+)/.exec(said.out) ?? [];
  // An open stream keeps a session's slot; whichever worker a client comes to, there is room while one of them has some.
  for (let i = 0; i < 6; i++) {
    const headers = { accept: 'text/event-stream', ...inSession(await openSession(url)) };
    expect((await fetch(url, { headers })).status).toBe(200);
  }
  expect((await (await fetch(metrics)).text()).split('\n')).toContain('mcp_active_connections 6');
  expect((await post(url, initialize())).status).toBe(503);
  child.kill('SIGINT');
  expect(await exit).toBe(0);
  expect(said.err.replace(/^.* Refused connections .*\n/gm, '')).toBe('');
});

test('up with bad values writes nothing and serves nothing', async () => {
  const folder = folderWith(`${VALUES}\nreplicaz: 2\n`);
  const { said, exit } = up(folder);
  expect(await exit).toBe(2);
  expect(said.err).toContain('replicaz is not known. Did you mean replicas?');
  expect(said.out).toBe('');
  expect(existsSync(join(folder, 'dist'))).toBe(false);
});

test('up serves a module of this machine in place of the one in the image', async () => {
  const folder = folderWith(`${VALUES}  source: /app/server.js\n`);
  const legacy = fileURLToPath(new URL('../../examples/legacy/server.ts', import.meta.url));
  const { said, exit } = up(folder);
  expect(await exit).toBe(2);
  expect(said.err).toContain('Module /app/server.js could not be loaded');
  const second = up(folder, legacy);
  await eventually(
    () => second.said.out,
    (out) => out.includes('Connections held'),
  );
});

test('up tells the number that its workers found out for themselves', async () => {
  const folder = folderWith(VALUES.replace('  maxConnections: 2\n', '').replace('replicas: 3', 'replicas: 2'));
  const { said } = upWith({ BERTH_MAX_CONNECTIONS: 'auto' }, folder);
  const [, metrics = '', sum = ''] = await eventually(
    () => /Metrics: (http:\S+)[\s\S]*Connections held: 0 of (\d+)/.exec(said.out) ?? [],
    ({ length }) => length > 0,
  );
  expect(Number(sum)).toBeGreaterThan(2);
  expect(said.out).toContain(`, ${sum} connections at most (2 workers). `);
  expect(await (await fetch(metrics)).text()).toContain(`mcp_max_connections ${sum}\n`);
});

test('up can not run an image, and says what can be done', async () => {
  const folder = folderWith(`${VALUES}sidecar: { image: { repository: localhost/notes, tag: '7' }, port: 9000 }\n`);
  const { said, exit } = up(folder);
  expect(await exit).toBe(2);
  expect(said.err).toContain('sidecar.image localhost/notes:7 runs in a container only');
  expect(said.err).toContain('berth serve --upstream http://127.0.0.1:9000/mcp');
});
