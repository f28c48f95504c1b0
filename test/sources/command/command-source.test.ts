import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readAskedConfig } from '../../../src/config/read-config.ts';
import { openSample } from '../../../src/server/auto-cap/sample-session.ts';
import { loadCommand } from '../../../src/sources/command/command-source.ts';
import { eventually, type Settings, startLab } from '../../server/running.ts';
import {
  events,
  initialize,
  inSession,
  messageIn,
  modernCall,
  modernPost,
  openSession,
  post,
  type ServerEvent,
  toolCall,
} from '../../server/wire.ts';

const program = fileURLToPath(new URL('../../fixtures/stdio/lab-server.mjs', import.meta.url));
const environment = { PATH: process.env['PATH'] };

function load(settings: Settings = {}, command: readonly string[] = [process.execPath, program], into: object[] = []) {
  const config = readAskedConfig({ flags: settings, environment: {}, source: 'command' });
  const log = pino({ base: null }, { write: (line: string) => void into.push(JSON.parse(line)) });
  return loadCommand(command, { config, log, environment: { ...environment, SECRET: 'x', BERTH_X: 'y' } });
}

/** Serves the lab's stdio server; each session has a child of its own unless told otherwise. */
async function serveLab(settings: Settings = {}, sessions: 'parkable' | 'resident' = 'resident') {
  const said: Record<string, unknown>[] = [];
  const source = await load({ ...settings, sessions }, undefined, said);
  const { share, silenceTimeout, passEnvironment, ...served } = settings;
  const lab = await startLab(served, undefined, { source });
  return { ...lab, said };
}

async function connect(url: string, capabilities = {}) {
  const client = new Client({ name: 'test', version: '1' }, { capabilities });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)) as never);
  onTestFinished(() => client.close());
  return client;
}

interface ToolResult {
  readonly content: readonly { readonly text: string }[];
}
interface Answer {
  readonly result: ToolResult;
  readonly error: { readonly message: string };
}
const answerOf = async (response: Response | Promise<Response>) => (await (await response).json()) as Answer;
const textOf = ({ content }: ToolResult) => content[0]?.text ?? '';
const said = async (client: Client, name: string, args: Record<string, unknown> = {}) =>
  textOf((await client.callTool({ name, arguments: args })) as unknown as ToolResult);
const pidOf = async (client: Client) => Number((await said(client, 'pid')).split(':')[0]);

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a child for each session', () => {
  test('serves its own client alone, and is gone after it', async () => {
    const lab = await serveLab();
    const [one, other] = [await connect(lab.url), await connect(lab.url)];
    expect(one.getServerVersion()).toEqual({ name: 'stdio-lab', version: '1.0.0' });
    expect(one.getInstructions()).toBe('For tests.');
    const [first, second] = [await pidOf(one), await pidOf(other)];
    expect(first).not.toBe(second);
    expect(await said(one, 'pid')).toBe(`${first}:2`);
    await (one.transport as StreamableHTTPClientTransport).terminateSession();
    await eventually(
      () => alive(first),
      (living) => !living,
    );
    expect(await said(other, 'echo', { value: 'still here' })).toBe('still here');
    await lab.stop();
    expect(alive(second)).toBe(false);
  });

  test('has progress, questions and log messages of its own', async () => {
    const lab = await serveLab();
    const client = await connect(lab.url, { elicitation: {} });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    const logged: unknown[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data));
    expect(await said(client, 'ask')).toBe('accept:Ada');
    const steps: number[] = [];
    const progress = { onprogress: ({ progress }: { progress: number }) => void steps.push(progress) };
    await client.callTool({ name: 'progress', arguments: { count: 3 } }, undefined, progress);
    expect(steps).toEqual([1, 2, 3]);
    await said(client, 'log', { data: 'hello' });
    expect(logged).toEqual(['hello']);
  });

  test('is told of a cancelled call, and its words on stderr are logged with the session', async () => {
    const lab = await serveLab();
    const id = await openSession(lab.url);
    const waiting = post(lab.url, toolCall(1, 'wait', { ms: 60_000 }), inSession(id));
    await eventually(
      () => lab.metric('mcp_requests_in_flight{era="legacy"}'),
      (count) => count === 1,
    );
    await post(lab.url, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }, inSession(id));
    expect(await (await waiting).text()).toBe('');
    await eventually(
      () => lab.said,
      (lines) => lines.some(({ line, session }) => line === 'cancelled' && session === id),
    );
  });

  test('that exits ends its session and no other: the call says so, the next request begins anew', async () => {
    const lab = await serveLab();
    const [id, other] = [await openSession(lab.url), await openSession(lab.url)];
    const answer = await post(lab.url, toolCall(1, 'exit', { code: 3 }), inSession(id));
    expect(await answer.json()).toEqual({
      jsonrpc: '2.0',
      id: 1,
      error: { code: -32000, message: 'The command exited with code 3.' },
    });
    expect((await post(lab.url, toolCall(2, 'pid'), inSession(id))).status).toBe(404);
    expect((await post(lab.url, toolCall(2, 'pid'), inSession(other))).status).toBe(200);
    expect((await lab.counts()).active).toBe(1);
  });

  test('that exits is started again for a parkable session', async () => {
    const lab = await serveLab({}, 'parkable');
    const id = await openSession(lab.url);
    await (await post(lab.url, toolCall(1, 'exit', { code: 3 }), inSession(id))).json();
    const answer = await post(lab.url, toolCall(2, 'pid'), inSession(id));
    expect(await answer.json()).toMatchObject({ result: { content: [{ text: expect.stringMatching(/^\d+:1$/) }] } });
  });

  test('that hangs is ended once it owes an answer for longer than --silence-timeout', async () => {
    const lab = await serveLab({ silenceTimeout: '1s' });
    const id = await openSession(lab.url);
    const { result } = await answerOf(post(lab.url, toolCall(1, 'pid'), inSession(id)));
    const pid = Number(textOf(result).split(':')[0]);
    process.kill(pid, 'SIGSTOP');
    const answer = await post(lab.url, toolCall(2, 'echo', { value: 'x' }), inSession(id));
    expect((await answerOf(answer)).error.message).toContain('said nothing for 1000 ms');
    await eventually(
      () => alive(pid),
      (living) => !living,
    );
    await eventually(lab.counts, ({ active }) => active === 0);
  });

  test('that works on something long is not: it answers pings', async () => {
    const lab = await serveLab({ silenceTimeout: '1s' });
    const client = await connect(lab.url);
    expect(await said(client, 'wait', { ms: 2_500 })).toBe('waited');
  });

  test('gets the environment that the list allows', async () => {
    const lab = await serveLab({ passEnvironment: 'SECRET' });
    const client = await connect(lab.url);
    expect(await said(client, 'variable', { name: 'SECRET' })).toBe('x');
    expect(await said(client, 'variable', { name: 'BERTH_X' })).toBe('unset');
  });

  test('waits for another to be gone, when there are as many as were said to fit after it was loaded', async () => {
    const { definition, limitTo, close } = await load({ maxConnections: 'auto', warmChildren: '0' });
    onTestFinished(() => close?.());
    const open = () =>
      openSample({ definition, startLimit: 10_000, failed: (error) => expect.unreachable(`${error}`) });
    limitTo?.(1);
    const first = await open();
    const seen: string[] = [];
    const second = open().then((sample) => {
      seen.push('second opened');
      return sample;
    });
    // By then a second process would be there as well.
    const other = await load({ warmChildren: '0' });
    await other.close?.();
    seen.push('first closes');
    await first.close();
    await (await second).close();
    expect(seen).toEqual(['first closes', 'second opened']);
  });

  test('serves one request of the modern era', async () => {
    const lab = await serveLab();
    const pids: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { result } = await answerOf(modernCall(lab.url, 'pid'));
      pids.push(textOf(result));
    }
    expect(pids[0]).toMatch(/^\d+:1$/);
    expect(pids[1]).toMatch(/^\d+:1$/);
    expect(pids[0]).not.toBe(pids[1]);
    await eventually(
      () => pids.some((text) => alive(Number(text.split(':')[0]))),
      (living) => !living,
    );
  });
});

describe('one child for all', () => {
  const share = { share: 'true' };

  test('serves every session and every modern request, and outlives them', async () => {
    const lab = await serveLab(share);
    const [one, other] = [await connect(lab.url), await connect(lab.url)];
    const pid = await pidOf(one);
    expect(await pidOf(other)).toBe(pid);
    const { result } = await answerOf(modernCall(lab.url, 'pid'));
    expect(textOf(result)).toBe(`${pid}:3`);
    await (one.transport as StreamableHTTPClientTransport).terminateSession();
    expect(await pidOf(other)).toBe(pid);
    expect(other.getInstructions()).toBe('For tests.');
    await lab.stop();
    expect(alive(pid)).toBe(false);
  });

  test('tells progress to whoever called, and changes to whoever subscribed', async () => {
    const lab = await serveLab(share);
    const [one, other] = [await connect(lab.url), await connect(lab.url)];
    const heard: string[] = [];
    for (const [name, client] of Object.entries({ one, other })) {
      client.setNotificationHandler(
        ResourceUpdatedNotificationSchema,
        ({ params }) => void heard.push(`${name} ${params.uri}`),
      );
    }
    const steps = { one: [] as number[], other: [] as number[] };
    const run = (name: 'one' | 'other', client: Client, count: number) =>
      client.callTool({ name: 'progress', arguments: { count } }, undefined, {
        onprogress: ({ progress }) => void steps[name].push(progress),
      });
    await Promise.all([run('one', one, 2), run('other', other, 4)]);
    expect(steps).toEqual({ one: [1, 2], other: [1, 2, 3, 4] });

    await one.subscribeResource({ uri: 'a:b' });
    await other.subscribeResource({ uri: 'c:d' });
    expect(await said(one, 'touch', { uri: 'c:d' })).toBe('a:b,c:d');
    await said(one, 'touch', { uri: 'a:b' });
    await eventually(
      () => heard,
      (all) => all.length === 2,
    );
    expect(heard).toEqual(['other c:d', 'one a:b']);
    await other.unsubscribeResource({ uri: 'c:d' });
    expect(await said(one, 'touch', { uri: 'x:y' })).toBe('a:b');
  });

  test('has its log messages read by nobody while it is not clear whose they are', async () => {
    const lab = await serveLab(share);
    const [one, other] = [await connect(lab.url), await connect(lab.url)];
    const heard: string[] = [];
    for (const [name, client] of Object.entries({ one, other })) {
      client.setNotificationHandler(
        LoggingMessageNotificationSchema,
        ({ params }) => void heard.push(`${name} ${params.data}`),
      );
    }
    await said(one, 'log', { data: 'alone' });
    await eventually(
      () => heard,
      (all) => all.length === 1,
    );
    const waiting = said(other, 'wait', { ms: 400 });
    await said(one, 'log', { data: 'beside another', ms: 100 });
    await waiting;
    expect(heard).toEqual(['one alone']);
  });

  test('that dies ends what listens in the modern era gracefully, so that its client listens again', async () => {
    const lab = await serveLab(share);
    const { result } = await answerOf(modernCall(lab.url, 'pid'));
    const notifications = { toolsListChanged: true, resourceSubscriptions: ['a:b'] };
    const listen = async () => {
      const stream = events(await modernPost(lab.url, 'subscriptions/listen', { notifications }));
      const acknowledged = messageIn((await stream.next()).value as ServerEvent);
      expect(acknowledged).toMatchObject({ method: 'notifications/subscriptions/acknowledged' });
      return stream;
    };
    const stream = await listen();
    process.kill(Number(textOf(result).split(':')[0]), 'SIGKILL');
    const last = messageIn((await stream.next()).value as ServerEvent);
    expect(last).toMatchObject({ id: 1, result: { resultType: 'complete' } });
    expect((await stream.next()).done).toBe(true);
    await (await listen()).return(undefined);
  });

  test('that does not read refuses requests before there are too many of them, and serves the others in time', async () => {
    const lab = await serveLab(share);
    const client = await connect(lab.url);
    const pid = await pidOf(client);
    process.kill(pid, 'SIGSTOP');
    onTestFinished(() => void (alive(pid) && process.kill(pid, 'SIGCONT')));
    const value = 'x'.repeat(1024 * 1024);
    const answers: string[] = [];
    const calls = Array.from({ length: 24 }, async () => {
      answers.push(await said(client, 'echo', { value }).catch((error: Error) => error.message));
    });
    const refused = () => answers.filter((answer) => answer.includes('does not read what it is sent'));
    await eventually(refused, ({ length }) => length > 0);
    process.kill(pid, 'SIGCONT');
    await Promise.all(calls);
    expect(answers.filter((answer) => answer === value)).toHaveLength(24 - refused().length);
    expect(await pidOf(client)).toBe(pid);
  });

  test('can ask its clients nothing, since there is no telling which of them', async () => {
    const lab = await serveLab(share);
    const client = await connect(lab.url, { elicitation: {} });
    expect(await client.callTool({ name: 'ask' })).toMatchObject({ isError: true });
  });

  test('that exits ends all sessions, and another serves the next', async () => {
    const lab = await serveLab(share);
    const ids = [await openSession(lab.url), await openSession(lab.url)];
    await post(lab.url, toolCall(1, 'exit', { code: 1 }), inSession(ids[0] as string));
    for (const id of ids) expect((await post(lab.url, toolCall(2, 'pid'), inSession(id))).status).toBe(404);
    expect((await post(lab.url, initialize())).status).toBe(200);
    expect((await modernPost(lab.url, 'tools/list')).status).toBe(200);
  });
});

describe('a command that can not be served is told at the start', () => {
  test.for<readonly [string, Settings, readonly string[], RegExp]>([
    ['no such program', {}, ['/no/such/program'], /\/no\/such\/program could not be served: .*ENOENT/],
    ['one that exits', {}, [process.execPath, '-e', 'process.exit(4)'], /exited with code 4/],
    [
      'one that says nothing',
      { startTimeout: '1s' },
      [process.execPath, '-e', 'setInterval(() => {}, 1000)'],
      /did not answer within 1000 ms \(--start-timeout\)/,
    ],
  ])('%s', async ([, settings, command, problem]) => {
    await expect(load(settings, command)).rejects.toThrow(problem);
  });

  test.for([
    [{}, 'protocolVersion, capabilities, serverInfo'],
    [
      { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { version: 1 } },
      'serverInfo.name, serverInfo.version',
    ],
  ] as const)('one that answers initialize with %j, and none of it is left', async ([result, missing]) => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-command-'));
    const answering = `
      require('node:fs').writeFileSync(process.argv[1] + '/' + process.pid, '');
      process.stdin.once('data', (line) => {
        console.log(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(line).id, result: ${JSON.stringify(result)} }));
      });
      process.stdin.once('end', () => process.exit());`;
    const problem = `could not be served: it answered initialize with ${JSON.stringify(result)}, where these are missing or wrong: ${missing}.`;
    await expect(load({}, [process.execPath, '-e', answering, folder])).rejects.toThrow(problem);
    const pids = readdirSync(folder).map(Number);
    expect(pids).toHaveLength(1);
    expect(pids.filter(alive)).toEqual([]);
  });
});
