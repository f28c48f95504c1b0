import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { schemaCommand } from '../../src/cli/schema.ts';
import { synthCommand } from '../../src/cli/synth.ts';
import { UsageError } from '../../src/config/problems.ts';

const directory = mkdtempSync(join(tmpdir(), 'berth-synth-'));
afterAll(() => rmSync(directory, { recursive: true }));

let made = 0;
const freshDirectory = () => join(directory, String(made++));

/** Runs `cdk8s synth` as a user of the repository does, without its look for a newer version of itself. */
function cdk8sSynth(args: readonly string[] = []): Promise<{ files: string[]; bytes: string }> {
  const output = freshDirectory();
  const env = {
    ...process.env,
    CDK8S_CHECK_UPGRADE: 'false',
    PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env['PATH']}`,
  };
  return new Promise((fulfil, reject) => {
    execFile('node_modules/.bin/cdk8s', ['synth', '--output', output, ...args], { env }, (error) => {
      if (error !== null) return reject(error);
      const files = readdirSync(output);
      fulfil({ files, bytes: files.map((file) => readFileSync(join(output, file), 'utf8')).join() });
    });
  });
}

async function berthSynth(...args: string[]): Promise<string> {
  let printed = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text;
    return true;
  });
  try {
    await synthCommand().parseAsync(args, { from: 'user' });
  } finally {
    write.mockRestore();
  }
  return printed;
}

test('cdk8s synth twice, berth synth and berth synth --output-dir give the same bytes', async () => {
  const output = freshDirectory();
  await berthSynth('--output-dir', output);
  const printed = await berthSynth();
  expect(await cdk8sSynth()).toEqual({ files: ['berth.k8s.yaml'], bytes: printed });
  expect(await cdk8sSynth()).toEqual({ files: ['berth.k8s.yaml'], bytes: printed });
  expect(readdirSync(output)).toEqual(['berth.k8s.yaml']);
  expect(readFileSync(join(output, 'berth.k8s.yaml'), 'utf8')).toBe(printed);
});

test('the app that cdk8s runs takes the same files and overrides as berth synth', async () => {
  const args = ['-f', 'examples/values/minimal.yaml', '--set', 'replicas=3', '--set-string', 'podLabels.build=7'];
  const { bytes } = await cdk8sSynth(['--app', `node charts/main.ts ${args.join(' ')}`]);
  expect(bytes).toBe(await berthSynth(...args));
  expect(bytes).toContain('replicas: 3');
});

test('text that kubectl would read as a number is quoted by cdk8s synth too', async () => {
  const args = ['-f', 'examples/values/minimal.yaml', '--set-json', 'server.env=[{"name":"MODE","value":"0o755"}]'];
  const app = `node charts/main.ts -f examples/values/minimal.yaml --set-json server.env=[{"name":"MODE","value":"0o755"}]`;
  const { bytes } = await cdk8sSynth(['--app', app.replaceAll('"', '\\"')]);
  expect(bytes).toBe(await berthSynth(...args));
  expect(bytes).toContain('value: "0o755"');
});

test('-f, --set, --set-string, --set-json and --set-file all reach the objects', async () => {
  const note = join(directory, 'note.txt');
  writeFileSync(note, 'from a file');
  const yaml = await berthSynth(
    ...['-f', 'examples/values/minimal.yaml', '-f', 'values.yaml'],
    ...['--set', 'server.maxConnections=7', '--set', 'name=notes', '--set-string', 'podLabels.a=1'],
    ...['--set-json', 'nodeSelector={"disk":"ssd"}', '--set-file', `podAnnotations.note=${note}`],
  );
  for (const part of ['localhost/berth:dev', '--max-connections=7', 'a: "1"', 'disk: ssd', 'note: from a file']) {
    expect(yaml).toContain(part);
  }
});

test('what can not fit is warned of on stderr, and the objects are the same', async () => {
  const values = ['-f', 'examples/values/minimal.yaml'];
  const set = '--set server.maxConnections=100000 --set resources.limits.memory=256Mi'.split(' ');
  for (const args of [
    ['src/cli/main.ts', 'synth', ...values],
    ['charts/main.ts', ...values],
  ]) {
    const env = { ...process.env, CDK8S_OUTDIR: freshDirectory() };
    const run = (...more: readonly string[]) =>
      spawnSync(process.execPath, [...args, ...more], { encoding: 'utf8', env });
    const { status, stdout, stderr } = run(...set);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^Warning: resources\.limits\.memory is 256Mi and server\.maxConnections 100000: [^\n]*\n$/);
    expect(stdout).not.toContain('Warning');
    expect(run().stderr).toBe('');
  }
});

test('with several mistakes all of them are said, and nothing is written', async () => {
  const output = freshDirectory();
  const bad = ['--set', 'server.maxConnections=0', '--set', 'service.port=70000', '--set', 'replica=2'];
  const failure = await berthSynth(...bad, '--output-dir', output).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(UsageError);
  expect((failure as UsageError).problems).toEqual([
    'server.maxConnections must be at least 1. Got 0.',
    'service.port must be at most 65535. Got 70000.',
    'replica is not known. Did you mean replicas?',
  ]);
  expect(() => readdirSync(output)).toThrow('ENOENT');
});

test('cdk8s synth writes nothing either, and fails', async () => {
  const failure = await cdk8sSynth(['--app', 'node charts/main.ts --set replicas=-1']).catch((error: Error) => error);
  expect(failure).toBeInstanceOf(Error);
  expect((failure as Error).message).toContain('error: replicas must be at least 0. Got -1.');
});

test('without -f and without ./values.yaml the error says what to do', async () => {
  const where = process.cwd();
  process.chdir(directory);
  try {
    await expect(berthSynth()).rejects.toThrow('There is no ./values.yaml here. Name a values file with -f FILE.');
  } finally {
    process.chdir(where);
  }
});

test('berth schema prints the committed values.schema.json', async () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  await schemaCommand().parseAsync([], { from: 'user' });
  expect(write.mock.calls.map(([text]) => text).join('')).toBe(readFileSync('values.schema.json', 'utf8'));
  write.mockRestore();
});
