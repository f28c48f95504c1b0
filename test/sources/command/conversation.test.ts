import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { JsonRpcMessage, RequestId } from '../../../src/protocol/json-rpc.ts';
import type { Child } from '../../../src/sources/command/child.ts';
import { ChildServer } from '../../../src/sources/command/child-server.ts';
import type { ConversationOptions } from '../../../src/sources/command/conversation.ts';
import { ModernChildServer } from '../../../src/sources/command/modern-child-server.ts';
import type { RawServer } from '../../../src/sources/raw-server.ts';
import { behaviour, childrenOf } from './behaving.ts';

const patience = { timeout: 10_000, interval: 10 };
const context = { headers: {} };
const METHOD = 'tools/call';

/** A server of one session with a child of its own, and what its client is told. */
async function serve(
  Server: new (options: ConversationOptions) => RawServer,
  command: readonly string[],
  { taken, ...options }: Partial<ConversationOptions> & { taken?: () => Promise<void> | undefined } = {},
) {
  const { children, entries } = childrenOf(command);
  const told: [JsonRpcMessage, RequestId | undefined][] = [];
  const lost: string[] = [];
  const server = new Server({
    take: async () => children.spawn(),
    session: undefined,
    startTimeout: 10_000,
    silenceTimeout: 10_000,
    clock: () => performance.now(),
    ...options,
  });
  onTestFinished(() => server.close());
  await server.connect({
    send(message, call) {
      told.push([message, call]);
      return taken?.();
    },
    answer: () => {},
    lost: (why) => void lost.push(why),
  });
  const say = (message: object) => server.receive({ jsonrpc: '2.0', ...message } as JsonRpcMessage, context);
  const call = (id: RequestId, wants: object = {}, more: object = {}) =>
    say({ id, method: METHOD, params: { name: 'x', arguments: wants, ...more } });
  const answered = (id: RequestId) =>
    vi.waitFor(() => expect(told.map(([message]) => 'id' in message && message.id)).toContain(id), patience);
  return { server, say, call, answered, told, lost, entries };
}

const asking = { id: 'ask', method: 'elicitation/create', params: {} };
const progressOf = (token?: string) => ({
  method: 'notifications/progress',
  params: { progress: 1, ...(token && { progressToken: token }) },
});
const SILENT = 'The command said nothing for 400 ms, not even to a ping (--silence-timeout).';
const silenceTimeout = 400;

test.for(['cancelled', 'answered'] as const)('a question of a call that was %s excuses no silence', async (how) => {
  const { call, answered, say, told, lost } = await serve(ChildServer, behaviour('obey'), { silenceTimeout });
  call(0);
  await answered(0);
  told.length = 0;
  call(1, { before: [asking], answer: how === 'answered' });
  await answered('ask');
  expect(told[0]).toEqual([{ jsonrpc: '2.0', ...asking }, 1]);
  if (how === 'answered') await answered(1);
  else say({ method: 'notifications/cancelled', params: { requestId: 1 } });
  call(2, { answer: false, hang: true });
  await vi.waitFor(() => expect(lost).toEqual([SILENT]), patience);
});

test('a question that belongs to no call excuses no silence', async () => {
  const { call, answered, lost } = await serve(ChildServer, behaviour('obey'), { silenceTimeout });
  call(1, { after: [asking] });
  await answered('ask');
  call(2, { answer: false, hang: true });
  await vi.waitFor(() => expect(lost).toEqual([SILENT]), patience);
});

test('a child that waits for its client may be silent until that has answered', async () => {
  const { call, answered, say, lost } = await serve(ChildServer, behaviour('obey'), { silenceTimeout });
  call(0);
  await answered(0);
  call(1, { before: [asking], answer: false, hang: true });
  await answered('ask');
  await sleep(3 * silenceTimeout);
  expect(lost).toEqual([]);
  say({ id: 'ask', result: {} });
  await vi.waitFor(() => expect(lost).toEqual([SILENT]), patience);
});

/** A program that reads messages, as `line`, and says what it wants to. */
const program = (code: string) => [
  process.execPath,
  '-e',
  `const say = (message) => console.log(JSON.stringify({ jsonrpc: '2.0', ...message }));
  let heard = 0;
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id } = JSON.parse(line);
    heard++;
    ${code}
  });`,
];

test.for([
  ['lines that are no messages', `setInterval(() => console.log('still loading …'), 20)`],
  ['messages that are no answers', `setInterval(() => say({ method: 'notifications/message' }), 20)`],
])('%s do not put off the end of --start-timeout', async ([, code]) => {
  const { call, lost } = await serve(ChildServer, program(code as string), { startTimeout: 500 });
  call(1);
  const why = 'The command did not answer within 500 ms (--start-timeout).';
  await vi.waitFor(() => expect(lost).toEqual([why]), patience);
});

test('lines that are no messages excuse no silence', async () => {
  const code = `if (heard === 1) say({ id, result: {} }); else setInterval(() => console.log('[info] busy'), 20);`;
  const { call, answered, lost } = await serve(ChildServer, program(code), { silenceTimeout });
  call(1);
  await answered(1);
  call(2);
  await vi.waitFor(() => expect(lost).toEqual([SILENT]), patience);
});

test('a message that is longer on its way than the child may be silent arrives', async () => {
  // Nothing but the message: a ping would be answered behind it.
  const code = `if (heard === 1) return say({ id, result: {} });
    if (heard > 2) return;
    const text = JSON.stringify({ jsonrpc: '2.0', id, result: { text: 'x'.repeat(20) } });
    let sent = 0;
    const timer = setInterval(() => {
      process.stdout.write(text[sent++]);
      if (sent === text.length) { clearInterval(timer); console.log(); }
    }, 20);`;
  const { call, answered, lost } = await serve(ChildServer, program(code), { silenceTimeout });
  call(1);
  await answered(1);
  call(2);
  await answered(2);
  expect(lost).toEqual([]);
});

test('a request is answered whatever its id begins with', async () => {
  const { call, answered } = await serve(ChildServer, behaviour('obey'));
  call('berth-ping:1');
  await answered('berth-ping:1');
});

test('progress is told as long as its call is not over, and never without a token of one', async () => {
  const { call, answered, told } = await serve(ChildServer, behaviour('obey'));
  const token = { _meta: { progressToken: 'a' } };
  call(1, { before: [progressOf(), progressOf('b'), progressOf('a')], after: [progressOf('a'), progressOf()] }, token);
  call(2, { before: [progressOf()] });
  await answered(2);
  const what = told.map(([message, of]) => ('method' in message ? [message.params, of] : message.id));
  expect(what).toEqual([[{ progress: 1, progressToken: 'a' }, 1], 1, 2]);
});

test('progress of a task is told after its call was answered', async () => {
  const { call, answered, told } = await serve(ChildServer, behaviour('obey'));
  const result = { task: { taskId: 't' } };
  call(1, { result, after: [progressOf('a'), progressOf('b')] }, { _meta: { progressToken: 'a' } });
  call(2);
  await answered(2);
  expect(told.slice(1, -1)).toEqual([[{ jsonrpc: '2.0', ...progressOf('a') }, undefined]]);
});

test.for([
  ['legacy', ChildServer],
  ['modern', ModernChildServer],
] as const)('a child that comes after its session has closed is closed at once: %s', async ([, Server]) => {
  const { children } = childrenOf(behaviour('obey'));
  const coming = Promise.withResolvers<Child>();
  const asked = Promise.withResolvers<void>();
  const server = new Server({
    take() {
      asked.resolve();
      return coming.promise;
    },
    session: undefined,
    startTimeout: 10_000,
    silenceTimeout: 10_000,
    clock: () => performance.now(),
  });
  const connecting = server.connect({ send: () => undefined, answer: () => {}, lost: () => {} });
  if (Server === ModernChildServer) server.receive(initialize, context);
  await asked.promise;
  const closing = server.close();
  const child = children.spawn();
  coming.resolve(child);
  await Promise.allSettled([connecting, closing]);
  await child.gone;
  expect(children.count).toBe(0);
});

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
} as const;

async function serveModern(command: readonly string[], options: Parameters<typeof serve>[2] = {}) {
  const served = await serve(ModernChildServer, command, options);
  served.server.receive(initialize, context);
  return served;
}

test('a modern child that does not answer in time is lost, and the reason names the setting', async () => {
  const { lost } = await serveModern([process.execPath, '-e', 'setInterval(() => {}, 1000)'], { startTimeout: 200 });
  const why = 'The command did not answer within 200 ms (--start-timeout).';
  await vi.waitFor(() => expect(lost).toEqual([why]), patience);
});

test('a modern child that hangs is lost, and one that works on something long is not', async () => {
  const hanging = await serveModern(behaviour('obey'), { silenceTimeout });
  const working = await serveModern(behaviour('obey'), { silenceTimeout });
  await Promise.all([hanging.answered(0), working.answered(0)]);
  working.call(1, { answer: false });
  await sleep(silenceTimeout);
  hanging.call(1, { answer: false, hang: true });
  await vi.waitFor(() => expect(hanging.lost).toEqual([SILENT]), patience);
  expect(working.lost).toEqual([]);
  working.call(2);
  await working.answered(2);
});

test('a modern child waits while nobody takes what it says', async () => {
  const taking = Promise.withResolvers<void>();
  let held = false;
  const { call, say, answered, told, entries } = await serveModern(behaviour('modernFlood'), {
    taken: () => (held ? taking.promise : undefined),
  });
  await answered(0);
  say({ id: 'level', method: 'logging/setLevel', params: { level: 'info' } });
  await answered('level');
  held = true;
  call(1);
  let before = -1;
  await vi.waitFor(
    () => {
      const [now, last] = [entries.length, before];
      before = now;
      expect(now > 0 && now === last).toBe(true);
    },
    { timeout: 10_000, interval: 500 },
  );
  // 10 kB each, told after every tenth.
  expect(entries.length).toBeLessThan(20);
  taking.resolve();
  await answered(1);
  expect(told.filter(([message]) => 'method' in message)).toHaveLength(1_000);
});

test('a modern child that does not read what it is sent is lost', async () => {
  const { call, answered, lost } = await serveModern(behaviour('modernDeaf'));
  await answered(0);
  const text = 'x'.repeat(8 * 1024 * 1024);
  await vi.waitFor(
    () => {
      call(performance.now(), { text });
      expect(lost).toEqual(['The command does not read what it is sent.']);
    },
    { timeout: 10_000, interval: 1 },
  );
});
