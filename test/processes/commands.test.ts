import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { eventually } from '../server/running.ts';
import { initialize, inSession, openSession, post, toolCall } from '../server/wire.ts';
import { type CommandProcess, FAMILY, PLAIN_SERVER, serveCommand } from './command-process.ts';

const run = promisify(execFile);
const SESSIONS = 200;

/** Opens sessions, a few at a time. */
async function openSessions(url: string, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const few = Math.min(20, count - ids.length);
    ids.push(...(await Promise.all(Array.from({ length: few }, () => openSession(url)))));
  }
  return ids;
}

async function call(url: string, id: string, name: string): Promise<string> {
  const answer = await post(url, toolCall(1, name), inSession(id));
  return `${answer.status} ${await answer.text()}`;
}

const whoami = (url: string, id: string) =>
  call(url, id, 'whoami').then((text) => /"text":"(\d+)"/.exec(text)?.[1] ?? text);

const left = ({ processes }: CommandProcess, limit: number) =>
  eventually(processes, (found) => found.length === 0, limit);

// What is counted is counted in /proc.
describe.skipIf(!existsSync('/proc/self/environ'))('a command', () => {
  test('200 sessions are 200 processes with what they start, and go with their sessions and with SIGTERM', async () => {
    const berth = await serveCommand('--max-connections', String(SESSIONS));
    const ids = await openSessions(berth.url, SESSIONS);
    const pids = await Promise.all(ids.map((id) => whoami(berth.url, id)));
    expect(new Set(pids).size).toBe(SESSIONS);
    const children = await eventually(
      () => new Set(berth.processes().map(({ marker }) => marker)),
      (markers) => markers.size <= SESSIONS,
    );
    expect(children.size).toBe(SESSIONS);
    expect(berth.processes().length).toBe(SESSIONS * FAMILY);
    expect((await post(berth.url, initialize())).status).toBe(503);

    const half = ids.slice(0, SESSIONS / 2);
    await Promise.all(half.map((id) => fetch(berth.url, { method: 'DELETE', headers: inSession(id) })));
    // One more waits for the next session.
    const kept = (SESSIONS / 2 + 1) * FAMILY;
    await eventually(berth.processes, (found) => found.length === kept, 10_000);
    const others = ids.slice(SESSIONS / 2);
    expect(await Promise.all(others.map((id) => whoami(berth.url, id)))).toEqual(pids.slice(SESSIONS / 2));

    berth.signal('SIGTERM');
    expect(await berth.exited).toEqual([0, null]);
    expect(berth.processes()).toEqual([]);
  });

  test('SIGKILL of berth leaves none of 200 behind', async () => {
    const berth = await serveCommand('--max-connections', String(SESSIONS));
    await openSessions(berth.url, SESSIONS);
    expect(berth.processes().length).toBeGreaterThanOrEqual(SESSIONS * FAMILY);
    berth.signal('SIGKILL');
    await berth.exited;
    await left(berth, 5_000);
  });

  test('clients that leave without a word cost their processes until the idle timeout', async () => {
    const berth = await serveCommand('--warm-children', '0', '--session-idle-timeout', '1s');
    await openSessions(berth.url, 10);
    expect(berth.processes().length).toBe(10 * FAMILY);
    await left(berth, 8_000);
  });

  test('one that eats its memory ends alone', async () => {
    const berth = await serveCommand('--child-memory', '64MiB');
    const [greedy = '', ...others] = await openSessions(berth.url, 10);
    const pids = await Promise.all(others.map((id) => whoami(berth.url, id)));
    let over = false;
    const eaten = call(berth.url, greedy, 'eat').finally(() => {
      over = true;
    });
    let rounds = 0;
    for (; !over || rounds === 0; rounds++) {
      expect(await Promise.all(others.map((id) => whoami(berth.url, id)))).toEqual(pids);
    }
    expect(await eaten).toMatch(/The command was ended.*--child-memory/);
    expect(await Promise.all(others.map((id) => whoami(berth.url, id)))).toEqual(pids);
    expect(await call(berth.url, greedy, 'whoami')).toMatch(/^404 /);
  });

  test('a client that leaves in the middle of a call takes nobody with it', async () => {
    const berth = await serveCommand();
    const ids = await openSessions(berth.url, 6);
    const pids = await Promise.all(ids.map((id) => whoami(berth.url, id)));
    const gone = new AbortController();
    const calls = ids
      .slice(0, 3)
      .map((id) =>
        post(berth.url, toolCall('long', 'wait'), inSession(id), gone.signal).catch((error: Error) => error.name),
      );
    // As soon as their calls are in flight.
    await eventually(
      () => fetch(berth.url.replace(/:\d+.*/, `:${berth.adminPort}/connections`)).then((answer) => answer.json()),
      (counts) => (counts as { requestsInFlight: { legacy: number } }).requestsInFlight.legacy === 3,
    );
    gone.abort();
    expect(await Promise.all(calls)).toEqual(['AbortError', 'AbortError', 'AbortError']);
    // Those that left as well: their sessions are still theirs, and so are the calls (MCP 2025-11-25, Streamable HTTP).
    expect(await Promise.all(ids.map((id) => whoami(berth.url, id)))).toEqual(pids);
  });

  test('what it says on stderr is in the log, with the session', async () => {
    const berth = await serveCommand();
    const [first = '', second = ''] = await openSessions(berth.url, 2);
    await call(berth.url, second, 'say');
    const line = await eventually(
      () => berth.logs.find(({ line }) => line === 'said on stderr'),
      (found) => found !== undefined,
    );
    expect(line?.['session']).toBe(second);
    expect(line?.['session']).not.toBe(first);
  });

  test('a whole session that a shell pipes in is answered, and the end of the input is the end', async () => {
    const messages = [initialize(), { jsonrpc: '2.0', method: 'notifications/initialized' }, toolCall(2, 'whoami')];
    const text = messages.map((message) => `${JSON.stringify(message)}\\n`).join('');
    const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
    const berth = `'${process.execPath}' '${main}' serve --transport stdio -- '${PLAIN_SERVER}'`;
    // `pipefail` is not in every shell: the exit code of a pipe is that of its last command.
    const { stdout } = await run('/bin/sh', ['-c', `printf '${text}' | ${berth}`]);
    const answers = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers.map(({ jsonrpc, id }) => ({ jsonrpc, id }))).toEqual([
      { jsonrpc: '2.0', id: 'init' },
      { jsonrpc: '2.0', id: 2 },
    ]);
  });
});
