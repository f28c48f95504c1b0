import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as LegacyStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describe, expect, test } from 'vitest';
import { initialize, toolCall } from '../server/wire.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const lab = fileURLToPath(new URL('../fixtures/lab-module.ts', import.meta.url));
const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };
const args = (...more: string[]) => [main, 'serve', '--transport', 'stdio', ...more];

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Writes lines to a server, closes its stdin, and waits for its end. */
async function pipe(lines: readonly unknown[], ...more: string[]): Promise<Ended> {
  const server = spawn(process.execPath, args(...more));
  server.stdin.end(lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
  const [stdout, stderr, [code]] = await Promise.all([text(server.stdout), text(server.stderr), once(server, 'exit')]);
  return { code, stdout, stderr };
}

const messages = ({ stdout }: Ended) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('a whole session through a pipe is answered to its end, and the process ends with 0', async () => {
  const ended = await pipe(
    [initialize(), initialized, toolCall(2, 'wait', { ms: 300 }), toolCall(3, 'echo', { value: 'x' })],
    lab,
  );
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(messages(ended).map(({ id }) => id)).toEqual(['init', 3, 2]);
  expect(messages(ended).every(({ result }) => typeof result === 'object')).toBe(true);
});

test('a call that outlasts --longest-call is cut, and exit code 1 says so', async () => {
  const ended = await pipe(
    [initialize(), initialized, toolCall(2, 'wait', { ms: 60_000 })],
    lab,
    '--longest-call',
    '200ms',
  );
  expect(ended.code).toBe(1);
  expect(messages(ended).map(({ id }) => id)).toEqual(['init']);
  expect(JSON.parse(ended.stderr)).toMatchObject({ callsCut: 1, msg: 'Finished' });
});

/** Ends the input of a server with these lines, and leaves its output unread. */
function feed(lines: readonly unknown[], ...more: string[]) {
  const server = spawn(process.execPath, args(...more));
  server.stdin.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return server;
}

/** The path of a module with this text. */
function moduleOf(source: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'berth-stdio-')), 'server.mjs');
  writeFileSync(path, source);
  return path;
}

// More than pipes and sockets hold.
const long = toolCall(2, 'echo', { value: 'y'.repeat(5_000_000) });

test('a reader slower than the server hears it to its end', async () => {
  const server = feed([initialize(), initialized, long], lab);
  const exit = once(server, 'exit');
  let stdout = '';
  for await (const chunk of server.stdout) {
    stdout += chunk;
    await sleep(5);
  }
  const [code] = await exit;
  const ended = { code, stdout, stderr: '' };
  expect(messages(ended).at(-1)).toMatchObject({ id: 2, result: {} });
  expect(code).toBe(0);
});

test('a reader that never reads is waited for as long as a call, and exit code 1 says what it missed', async () => {
  const server = feed([initialize(), initialized, long], lab, '--longest-call', '500ms');
  const [stderr, [code]] = await Promise.all([text(server.stderr), once(server, 'exit')]);
  expect(JSON.parse(stderr)).toMatchObject({ callsCut: 1, msg: 'Finished' });
  expect(code).toBe(1);
});

test('a last line without an end is a line', async () => {
  const server = spawn(process.execPath, args(lab));
  server.stdin.end(JSON.stringify(initialize()));
  const [stdout, [code]] = await Promise.all([text(server.stdout), once(server, 'exit')]);
  expect(messages({ code, stdout, stderr: '' })).toMatchObject([{ id: 'init', result: {} }]);
  expect(code).toBe(0);
});

const hang = `new Promise(() => setInterval(() => {}, 1_000))`;

test.for([
  ['is loaded', `console.error('busy'); await ${hang}; export default () => {};`],
  ['makes its server', `export default async () => { console.error('busy'); await ${hang}; };`],
])('SIGTERM while a module %s ends the process', async ([, source]) => {
  const server = spawn(process.execPath, args(moduleOf(source as string)));
  const exit = once(server, 'exit');
  server.stdin.write(`${JSON.stringify(initialize())}\n`);
  await expect.poll(() => server.stderr.read()?.toString() ?? '', { timeout: 10_000 }).toContain('busy');
  server.kill('SIGTERM');
  const outcome = await Promise.race([exit, sleep(5_000, ['still there'], { ref: false })]);
  server.kill('SIGKILL');
  expect(outcome).toEqual([0, null]);
});

test.for([
  ['waits for something', hang],
  ['waits for nothing', 'new Promise(() => {})'],
])('the end of the input ends a module whose start %s, when what came is answered', async ([, waiting]) => {
  const sdk = import.meta.resolve('@modelcontextprotocol/server');
  const module = moduleOf(
    `import { McpServer } from ${JSON.stringify(sdk)};
    export default {
      name: 'slow',
      version: '1',
      start: () => ${waiting},
      create: () => new McpServer({ name: 'slow', version: '1' }),
    };`,
  );
  const ended = await pipe([initialize()], module);
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(messages(ended).map(({ id }) => id)).toEqual(['init']);
});

test('a second SIGTERM ends calls in flight at once', async () => {
  const server = spawn(process.execPath, args(lab));
  const exit = once(server, 'exit');
  const heard: string[] = [];
  server.stdout.on('data', (chunk) => heard.push(String(chunk)));
  for (const message of [initialize(), initialized, toolCall(2, 'wait', { ms: 30_000 })])
    server.stdin.write(`${JSON.stringify(message)}\n`);
  await expect.poll(() => heard.join(''), { timeout: 10_000 }).toContain('"init"');
  // Two that come together count as one.
  const signals = setInterval(() => server.kill('SIGTERM'), 400);
  const outcome = await Promise.race([exit, sleep(5_000, ['still there'], { ref: false })]);
  clearInterval(signals);
  server.kill('SIGKILL');
  expect(outcome).toEqual([1, null]);
});

test('nothing but protocol is on stdout, whatever a module prints', async () => {
  const sdk = import.meta.resolve('@modelcontextprotocol/sdk/server/mcp.js');
  const module = moduleOf(
    `import { McpServer } from ${JSON.stringify(sdk)};
    console.log('loaded');
    export default () => {
      process.stdout.write('made\\n');
      const server = new McpServer({ name: 'loud', version: '1' });
      server.registerTool('shout', {}, () => { console.log('called'); return { content: [] }; });
      return server;
    };`,
  );
  const ended = await pipe([initialize(), initialized, toolCall(2, 'shout')], module);
  expect(ended.code).toBe(0);
  expect(messages(ended).map(({ id }) => id)).toEqual(['init', 2]);
  for (const word of ['loaded', 'made', 'called']) expect(ended.stderr).toContain(word);
});

test('what is no message is answered with an error, and costs nothing after', async () => {
  const ended = await pipe(
    ['{', '[]', '', '{"jsonrpc":"2.0","id":7}', initialize(), initialized, toolCall(2, 'echo', { value: 'x' })],
    lab,
  );
  expect(ended.code).toBe(0);
  expect(messages(ended).map(({ id, error }) => [id, error?.code])).toEqual([
    [null, -32700],
    [null, -32600],
    [null, -32600],
    ['init', undefined],
    [2, undefined],
  ]);
});

test('a message over --max-message is refused, and the next one is served', async () => {
  const big = toolCall(1, 'echo', { value: 'x'.repeat(70_000) });
  const ended = await pipe(
    [initialize(), initialized, big, toolCall(2, 'echo', { value: 'x' })],
    lab,
    '--max-message',
    '64KiB',
  );
  expect(messages(ended).map(({ id }) => id)).toEqual(['init', null, 2]);
  expect(messages(ended)[1].error.message).toContain('--max-message');
});

test('SIGTERM lets calls finish, and a client that reads no more ends the process', async () => {
  const server = spawn(process.execPath, args(lab));
  const heard: string[] = [];
  server.stdout.on('data', (chunk) => heard.push(String(chunk)));
  for (const message of [initialize(), initialized, toolCall(2, 'wait', { ms: 500 })])
    server.stdin.write(`${JSON.stringify(message)}\n`);
  await expect.poll(() => heard.join(''), { timeout: 10_000 }).toContain('"init"');
  server.kill('SIGTERM');
  const [code] = await once(server, 'exit');
  expect(code).toBe(0);
  expect(heard.join('')).toContain('waited');

  const deaf = spawn(process.execPath, args(lab));
  deaf.stdout.destroy();
  deaf.stdin.on('error', () => {});
  deaf.stdin.write(`${JSON.stringify(initialize())}\n`);
  await once(deaf, 'exit');
});

describe('clients of the SDKs', () => {
  const command = process.execPath;

  test('the first', async () => {
    const client = new LegacyClient({ name: 'test', version: '1' });
    await client.connect(new LegacyStdio({ command, args: args(lab) }) as never);
    expect(await client.callTool({ name: 'echo', arguments: { value: 'hi' } })).toMatchObject({
      content: [{ text: 'hi' }],
    });
    await client.close();
  });

  test.for(['2025-11-25', '2026-07-28'])('the second, speaking %s', async (version) => {
    const mode = version === '2026-07-28' ? { pin: version } : 'legacy';
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: mode as never } });
    await client.connect(new StdioClientTransport({ command, args: args(lab) }));
    expect(await client.callTool({ name: 'echo', arguments: { value: 'hi' } })).toMatchObject({
      content: [{ text: 'hi' }],
    });
    await client.close();
  });
});
