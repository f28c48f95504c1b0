import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../fixtures/free-ports.ts';
import { start } from './process.ts';
import { FAST_SERVER, GIT_SERVER, PYTHON, TIME_SERVER } from './python/python.ts';
import type { Step } from './script.ts';
import type { ServerCase } from './server-case.ts';

const call = (name: string, args: Readonly<Record<string, unknown>> = {}) =>
  ({ ask: 'tools/call', params: { name, arguments: args } }) as const satisfies Step;

const time: ServerCase = {
  name: 'mcp-server-time as a command',
  prepare: async (root) => {
    const command = [TIME_SERVER, '--local-timezone', 'Europe/Prague'];
    const convert = (to: string) =>
      call('convert_time', { source_timezone: 'Asia/Tokyo', time: '14:30', target_timezone: to });
    return {
      direct: { command },
      serve: ['--', ...command],
      slow: true,
      root,
      call: convert('Asia/Kolkata').params,
      // get_current_time tells the time; convert_time the date beside it, which is the same but at midnight.
      steps: [{ ask: 'tools/list' }, convert('Asia/Kolkata'), convert('Mars/Olympus'), call('no_such_tool')],
    };
  },
};

const git: ServerCase = {
  name: 'mcp-server-git as a command',
  prepare: async (root) => {
    const run = (...args: readonly string[]) =>
      execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd: root });
    run('init', '--quiet', '--initial-branch', 'main');
    writeFileSync(join(root, 'poem.txt'), 'one\n');
    run('add', '.');
    run('commit', '--quiet', '--message', 'Begin');
    writeFileSync(join(root, 'poem.txt'), 'one\ntwo\n');
    const command = [GIT_SERVER, '--repository', root];
    const at = { repo_path: root };
    return {
      direct: { command },
      serve: ['--', ...command],
      slow: true,
      root,
      call: { name: 'git_log', arguments: at },
      steps: [
        { ask: 'tools/list' },
        call('git_status', at),
        call('git_log', at),
        call('git_diff_unstaged', at),
        call('git_show', { ...at, revision: 'HEAD' }),
        call('git_branch', { ...at, branch_type: 'local' }),
        call('git_add', { ...at, files: ['poem.txt'] }),
        call('git_diff_staged', at),
        call('git_reset', at),
        call('git_show', { ...at, revision: 'nothing' }),
        call('git_status', { repo_path: '/' }),
      ],
    };
  },
};

const FAST: readonly Step[] = [
  { ask: 'tools/list' },
  call('add', { a: 2, b: 40 }),
  call('add', { a: 'two' }),
  call('fail', { why: 'no reason' }),
  { ...call('count', { to: 3 }), progress: true },
  { hear: 'notifications/message', legacy: true },
  { ...call('wait', { name: 'the first' }), cancel: true, legacy: true },
  { ...call('cancelled'), legacy: true },
  { ...call('ask'), legacy: true },
  { ask: 'prompts/list' },
  { ask: 'resources/list' },
  { ask: 'resources/templates/list' },
  { ask: 'prompts/get', params: { name: 'greet', arguments: { name: 'Ada' } } },
  { ask: 'resources/read', params: { uri: 'notes://today' } },
  { ask: 'resources/read', params: { uri: 'notes://monday/summary' } },
  { ask: 'resources/read', params: { uri: 'notes://none' } },
];

const ADD = { name: 'add', arguments: { a: 2, b: 40 } };

const fast: ServerCase = {
  name: 'a FastMCP server as a command',
  prepare: async (root) => {
    const command = [PYTHON, FAST_SERVER];
    return { direct: { command }, serve: ['--', ...command], root, steps: FAST, call: ADD, slow: true };
  },
};

const fastHttp: ServerCase = {
  name: 'a FastMCP server as an upstream',
  prepare: async (root) => {
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}/mcp`;
    const running = await start([PYTHON, FAST_SERVER, String(port)], { url, ready: /Uvicorn running/ });
    return { direct: { url }, serve: ['--upstream', url], root, steps: FAST, call: ADD, running, modern: true };
  },
};

/** The servers in Python. */
export const PYTHON_SERVERS: readonly ServerCase[] = [time, git, fast, fastHttp];
