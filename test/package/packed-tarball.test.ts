import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const repository = path.resolve(import.meta.dirname, '../..');

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

let project: string;
let manifest: Manifest;
let installed: string;

/**
 * Installs as npm would, without a registry: the tarball is unpacked, and what it declares as dependencies, but nothing
 * else, is linked to this checkout's. (`npm install --offline` cannot: `npm ci` leaves no index of versions behind.)
 */
beforeAll(async () => {
  project = await mkdtemp(path.join(tmpdir(), 'berth-package-'));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', project], { cwd: repository });
  const tarball = /"filename": "([^"]+)"/.exec(packed.stdout)?.[1];
  if (tarball === undefined) throw new Error(`npm pack named no file: ${packed.stdout}`);
  installed = path.join(project, 'node_modules', 'mcp-berth');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', path.join(project, tarball), '-C', installed, '--strip-components=1']);
  manifest = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8')) as Manifest;
  // Types of Node are the user's own affair.
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    const link = path.join(project, 'node_modules', name);
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(path.join(repository, 'node_modules', name), link);
  }
  await writeFile(path.join(project, 'package.json'), JSON.stringify({ name: 'a-user', type: 'module' }));
  await writeFile(path.join(project, 'server.ts'), USERS_MODULE);
  await writeFile(path.join(project, 'infrastructure.ts'), USERS_CHART);
}, 120_000);

afterAll(async () => {
  await rm(project, { recursive: true, force: true });
});

const USERS_MODULE = `
import { McpServer } from '@modelcontextprotocol/server';
import { defineServer, type ServerSession } from 'mcp-berth';
import { z } from 'zod';

export default defineServer({
  name: 'users-own',
  version: '1.0.0',
  create(_session: ServerSession) {
    const server = new McpServer({ name: 'users-own', version: '1.0.0' });
    server.registerTool('shout', { inputSchema: z.object({ text: z.string() }) }, async ({ text }) => ({
      content: [{ type: 'text', text: text.toUpperCase() }],
    }));
    return server;
  },
});
`;

/** A project that composes our construct with its own. */
const USERS_CHART = `
import { ConfigMap } from 'cdk8s-plus-27';
import { App, Chart } from 'cdk8s';
import { McpFleet, defineValues } from 'mcp-berth/charts';

const chart = new Chart(new App(), 'mine');
new ConfigMap(chart, 'settings', { metadata: { name: 'settings' } });
new McpFleet(chart, 'fleet', { values: defineValues({ name: 'composed', image: { repository: 'localhost/berth', tag: 'test' } }) });
process.stdout.write(JSON.stringify(chart.toJson()));
`;

test('the packed tarball serves a module that is written in TypeScript against its types', async () => {
  const berth = await serve('./server.ts');
  try {
    const transport = new StreamableHTTPClientTransport(new URL('/mcp', berth.url));
    const client = new Client({ name: 'package-test', version: '1' });
    // The class says `sessionId: string | undefined` where its own interface says `sessionId?: string`.
    await client.connect(transport as Transport);
    const answer = await client.callTool({ name: 'shout', arguments: { text: 'ahoy' } });
    expect(answer.content).toEqual([{ type: 'text', text: 'AHOY' }]);
    await transport.terminateSession();
    await client.close();
  } finally {
    await berth.stop();
  }
});

test('the packed tarball brings types that a strict project compiles against', async () => {
  const tsc = path.join(repository, 'node_modules', '.bin', 'tsc');
  // The types of @kubernetes/client-node need others that it does not bring.
  const flags = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--types',
    'node',
  ];
  await expect(run(tsc, [...flags, 'server.ts', 'infrastructure.ts'], { cwd: project })).resolves.toMatchObject({
    stdout: '',
  });
});

test('the packed tarball synthesises manifests', async () => {
  const values = path.join(project, 'values.yaml');
  await writeFile(values, 'name: packed\nimage: { repository: localhost/berth, tag: test }\n');
  const { stdout } = await run(process.execPath, [commandPath(), 'synth', '-f', values], { cwd: project });
  expect(stdout).toContain('kind: Deployment');
});

test('the packed tarball brings a construct that composes with others', async () => {
  const { stdout } = await run(process.execPath, ['infrastructure.ts'], { cwd: project });
  const kinds = (JSON.parse(stdout) as { kind: string }[]).map((object) => object.kind);
  expect(kinds).toEqual(expect.arrayContaining(['ConfigMap', 'Deployment', 'Service']));
});

test('the command of the packed tarball says which program runs it', async () => {
  expect(await readFile(commandPath(), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});

function commandPath(): string {
  return path.join(installed, manifest.bin['berth'] ?? 'the manifest names no command');
}

/** Starts `berth serve` on ports that the system chooses, and waits for the line that says where it listens. */
async function serve(source: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const child = spawn(
    process.execPath,
    [commandPath(), 'serve', source, '--port', '0', '--admin-port', '0', '--drain-delay', '0s'],
    {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const lines: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    const read = (line: string) => {
      lines.push(line);
      const port = /"port":(\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
    };
    createInterface(child.stdout).on('line', read);
    createInterface(child.stderr).on('line', read);
    void ended.then((code) => reject(new Error(`berth serve ended with ${code}:\n${lines.join('\n')}`)));
  });
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
