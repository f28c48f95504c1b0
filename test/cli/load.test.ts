import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { LoadReport } from '../../src/load/report.ts';
import { eventually, startLab } from '../server/running.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function berth(...args: string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [main, 'load', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  return { child, ended: once(child, 'close').then(([code]) => ({ code, ...said })) };
}

test('berth load prints a table, and with -o json the same as JSON; nothing on stderr', async () => {
  const lab = await startLab();
  const flags = ['--sessions', '4', '--duration', '200ms', '--tool', 'echo', '--admin', lab.admin];
  const [text, json] = await Promise.all([
    berth(lab.url, ...flags, '--streams').ended,
    berth(lab.url, ...flags, '-o', 'json').ended,
  ]);
  expect(text).toMatchObject({ code: 0, stderr: '' });
  expect(text.stdout).toMatch(/^sessions +4 of 4 opened in /m);
  expect(text.stdout).toMatch(/^called +tools\/call echo \{"value":"x"\} for [\d.]+ s$/m);
  expect(text.stdout).toMatch(/^streams +4 held at the end of 4, 0 ended by the server/m);
  expect(text.stdout).toMatch(/^memory +[\d.]+ MiB before, /m);
  expect(text.stdout).toMatch(/^calls +[\d,]+( +[\d.,]+){6}$/m);
  expect(json).toMatchObject({ code: 0, stderr: '' });
  const report = JSON.parse(json.stdout) as LoadReport;
  expect(report.opening).toMatchObject({ asked: 4, opened: 4 });
  expect(report.calls?.latency?.p99).toBeGreaterThan(0);
  expect(report.memory?.before).toBeGreaterThan(10_000_000);
});

test('SIGINT ends it with a report, and its sessions are deleted', async () => {
  const lab = await startLab();
  const { child, ended } = berth(lab.url, '--sessions', '3', '--duration', '1h', '--rate', '100', '--streams');
  await eventually(
    () => lab.metric('mcp_request_duration_seconds_count{method="tools/call"}'),
    (calls = 0) => calls > 3,
  );
  child.kill('SIGINT');
  const { code, stdout, stderr } = await ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^sessions +3 of 3 opened/m);
  expect(await lab.metric('mcp_sessions_closed_total{reason="deleted"}')).toBe(3);
});

test('when nothing could be opened the exit code is 1, and stderr says why', async () => {
  const { code, stdout, stderr } = await berth('http://127.0.0.1:1/mcp', '--sessions', '2').ended;
  expect(code).toBe(1);
  expect(stdout).toMatch(/^sessions +0 of 2 opened/m);
  expect(stderr).toBe('error: None of 2 sessions could be opened at http://127.0.0.1:1/mcp: 2 × ECONNREFUSED.\n');
});

test('wrong values are usage errors, all at once', async () => {
  const { code, stdout, stderr } = await berth('ftp://x', '--sessions', '0', '--duration', 'soon').ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^error: The URL must be .*\nerror: --sessions must be .*\nerror: --duration must be .*\n$/);
});
