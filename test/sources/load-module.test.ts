import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { McpServer } from '@modelcontextprotocol/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sourceOf } from '../../src/sources/load-module.ts';

const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** A project of its own, with its own copy of the SDK, as a user's image has it. */
function project(packageJson: object, file: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-project-'));
  const scope = join(folder, 'node_modules', '@modelcontextprotocol');
  mkdirSync(scope, { recursive: true });
  cpSync(join(modules, '@modelcontextprotocol/server'), join(scope, 'server'), { recursive: true });
  symlinkSync(join(modules, '@modelcontextprotocol/core'), join(scope, 'core'));
  symlinkSync(join(modules, 'zod'), join(folder, 'node_modules', 'zod'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify(packageJson));
  writeFileSync(join(folder, file), text);
  return join(folder, file);
}

const SCRIPT = `
import { loadModule } from ${JSON.stringify(new URL('../../src/sources/load-module.ts', import.meta.url).href)};
try {
  const { definition, createModernHandler } = await loadModule(process.argv[1]);
  console.log(JSON.stringify({ ...definition, modern: createModernHandler !== undefined }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}`;

/** Loads a module in a process of its own, since a test runner has its own way of importing. */
function load(path: string): unknown {
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT, path], { encoding: 'utf8' });
  return JSON.parse(stdout);
}

const ESM = `import { McpServer } from '@modelcontextprotocol/server';
export default { name: 'own', version: '2', create: () => new McpServer({ name: 'own', version: '2' }) };`;
const CJS = `const { McpServer } = require('@modelcontextprotocol/server');
module.exports = () => new McpServer({ name: 'own', version: '2' });`;

test.for<[string, string, object, string]>([
  ['ES module', 'server.mjs', {}, ESM],
  ['CommonJS module', 'server.cjs', {}, CJS],
])('an %s with a copy of the SDK of its own serves both eras', ([, file, packageJson, text]) => {
  expect(load(project(packageJson, file, text))).toEqual({ name: 'own', version: '2', sameSdk: true, modern: true });
});

test('a module whose project has the SDK of the legacy era alone serves that era', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-project-'));
  mkdirSync(join(folder, 'node_modules', '@modelcontextprotocol'), { recursive: true });
  const sdk = '@modelcontextprotocol/sdk';
  symlinkSync(join(modules, sdk), join(folder, 'node_modules', sdk));
  const file = join(folder, 'server.mjs');
  writeFileSync(file, ESM.replace('@modelcontextprotocol/server', `${sdk}/server/mcp.js`));
  expect(load(file)).toEqual({ name: 'own', version: '2', sameSdk: false, modern: false });
});

test('an ES module in a CommonJS package is an error that says what to do', () => {
  const { error } = load(project({ type: 'commonjs' }, 'server.js', ESM)) as { error: string };
  expect(error).toMatch(/could not be loaded: Cannot use import.*"type": "module".*\.mjs/);
});

test('an instance of a class is a definition, whose methods know it', async () => {
  class Definition {
    readonly version = '3';
    readonly sessions = 'parkable';
    #started = false;
    get name() {
      return 'class';
    }
    start() {
      this.#started = true;
    }
    create() {
      return new McpServer({ name: `started: ${this.#started}`, version: this.version });
    }
  }
  const { definition } = await sourceOf(new Definition(), 'own', import.meta.url);
  expect(definition).toMatchObject({ name: 'class', version: '3', sessions: 'parkable' });
  await definition.start?.({} as never);
  const { server } = (await definition.create({} as never)) as McpServer;
  expect(server).toMatchObject({ _serverInfo: { name: 'started: true' } });
});

test('a module that says "reusable" with anything but true or false is an error that says so', async () => {
  const exported = { name: 'own', version: '2', create: () => {}, reusable: 'yes' };
  await expect(sourceOf(exported, 'own', import.meta.url)).rejects.toThrow(
    'Its "reusable" must be true or false. Got a value of type string.',
  );
});

test('a module that never makes its server is not waited for for ever', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const loaded = sourceOf(() => new Promise(() => {}), 'slow.ts', import.meta.url);
  loaded.catch(() => {});
  await vi.advanceTimersByTimeAsync(60_000);
  await expect(loaded).rejects.toThrow('Module slow.ts failed to create its server: it was not done after 60 s.');
});
