import { expect, test, vi } from 'vitest';
import type { JsonRpcMessage } from '../../../src/protocol/json-rpc.ts';
import type { ChildExit } from '../../../src/sources/command/child.ts';
import { behaviour, childrenOf, listenTo } from './behaving.ts';

/** For a process to start on a busy machine. */
const patience = { timeout: 10_000, interval: 20 };

function childOf(command: readonly string[], options = {}) {
  const { children, entries } = childrenOf(command, options);
  return { child: children.spawn(), entries };
}

test('what is said to a child comes back as it was', async () => {
  const { child } = childOf(behaviour('echo'));
  const heard = listenTo(child);
  const params = { text: 'zwölf Boxkämpfer 🥊\n\r\u2028\u2029' };
  for (const id of [1, 'two']) void child.send({ jsonrpc: '2.0', id, method: 'echo', params });
  await vi.waitFor(() => expect(heard).toHaveLength(2), patience);
  expect(heard).toEqual([1, 'two'].map((id) => ({ jsonrpc: '2.0', id, result: params })));
  expect(child.lastHeard).toBeGreaterThan(0);
});

test('a message is whole that comes byte by byte', async () => {
  const message = { jsonrpc: '2.0', method: 'note', params: { text: 'äöü 🥊' } };
  const { child } = childOf(behaviour('drip', JSON.stringify(message)));
  const heard = listenTo(child);
  await child.exited;
  expect(heard).toEqual([message]);
});

test('a message of 16 MiB is heard soon', async () => {
  const { child } = childOf(behaviour('huge', String(16 * 1024 * 1024)), { maxMessage: 17 * 1024 * 1024 });
  const heard = listenTo(child);
  await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
});

test('a message that is too long ends the child and names the setting', async () => {
  const { child } = childOf(behaviour('huge', '2000000'));
  const heard = listenTo(child);
  expect(await child.exited).toMatchObject({
    signal: 'SIGKILL',
    reason: 'wrote a message of more than 1048576 bytes (--max-message)',
  });
  expect(heard).toEqual([]);
});

test('what is no message is dropped and logged once a second', async () => {
  const ping = { jsonrpc: '2.0', method: 'ping' };
  const banner = `Welcome! ${'x'.repeat(300)}`;
  const { child, entries } = childOf(
    behaviour('print', banner, '{"jsonrpc":"1.0"}', '[]', JSON.stringify([ping, ping])),
  );
  const heard = listenTo(child);
  await vi.waitFor(() => expect(heard).toEqual([ping, ping]), patience);
  const noise = entries.filter(({ level }) => level === 40);
  expect(noise).toEqual([
    expect.objectContaining({
      msg: 'Dropped a line on stdout that is not JSON-RPC',
      line: banner.slice(0, 200),
      pid: child.pid,
    }),
  ]);
});

test('a child waits while nobody takes what it says, and is heard in order afterwards', async () => {
  const { child, entries } = childOf(behaviour('flood', '1000'));
  const taking = Promise.withResolvers<void>();
  const heard: JsonRpcMessage[] = [];
  child.listen({
    message(message) {
      heard.push(message);
      return heard.length === 1 ? taking.promise : undefined;
    },
    exited: () => {},
  });
  const written = () => entries.length;
  let before = -1;
  await vi.waitFor(
    () => {
      const now = written();
      const same = now === before && now > 0;
      before = now;
      expect(same).toBe(true);
    },
    { timeout: 10_000, interval: 500 },
  );
  // 10 kB each, told after every tenth: pipe, stream and a chunk hold no more than some of them.
  expect(written()).toBeLessThan(10);
  expect(heard).toHaveLength(1);
  expect(child.lastHeard).toBeCloseTo(performance.now(), -2);
  taking.resolve();
  await child.exited;
  expect(heard.map((message) => 'params' in message && message.params?.['number'])).toEqual([...Array(1000).keys()]);
});

test('who speaks to a child that does not read is told to wait, and released by its end', async () => {
  const { child } = childOf(behaviour('unread'));
  const heard = listenTo(child);
  await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
  const waiting = child.send({ jsonrpc: '2.0', method: 'note', params: { text: 'x'.repeat(1_000_000) } });
  expect(waiting).toBeInstanceOf(Promise);
  expect(child.send({ jsonrpc: '2.0', method: 'note' })).toBe(waiting);
  child.kill();
  await waiting;
  expect(child.send({ jsonrpc: '2.0', method: 'note' })).toBe(undefined);
});

test('an exit tells its code and the last words', async () => {
  const words = ['first', 'x'.repeat(3000), 'Error: no such table'];
  const { child, entries } = childOf(behaviour('fail', '3', ...words));
  child.assign('a-session');
  const exits: ChildExit[] = [];
  child.listen({ message: () => undefined, exited: (exit) => exits.push(exit) });
  const exit = await child.exited;
  expect(exit).toMatchObject({ code: 3, signal: null, reason: undefined });
  expect(exit.lastWords).toMatch(/^x+\nError: no such table$/);
  expect(exit.lastWords.length).toBeLessThan(2048);
  expect(exits).toEqual([exit]);
  const logged = entries.filter(({ msg }) => msg === 'Child wrote to stderr');
  expect(logged.map(({ line, pid, session }) => ({ line, pid, session }))).toEqual(
    words.map((line) => ({ line, pid: child.pid, session: 'a-session' })),
  );
});

test('too many lines on stderr are counted in place of being logged', async () => {
  const { child, entries } = childOf(behaviour('fail', '0', ...Array<string>(1000).fill('!')), { clock: () => 5 });
  expect((await child.exited).lastWords).toMatch(/^!/);
  expect(entries.filter(({ msg }) => msg === 'Child wrote to stderr')).toHaveLength(200);
  expect(entries.at(-1)).toMatchObject({ level: 40, lines: 800 });
});

test.for([
  ['a program that does not exist', ['/no/such/program', 'x'], undefined],
  ['a program that may not be run', ['/etc/passwd', 'x'], undefined],
  ['arguments that are too long', ['echo', 'x'.repeat(200_000)], undefined],
  ['a program that does not exist, with a limit', ['/no/such/program', 'x'], 512 * 1024 * 1024],
] as const)('%s is told as an exit', async ([, command, childMemory]) => {
  const { child } = childOf(command, { childMemory });
  const exits: ChildExit[] = [];
  child.listen({ message: () => undefined, exited: (exit) => exits.push(exit) });
  await child.send({ jsonrpc: '2.0', method: 'note' });
  const { reason } = await child.exited;
  expect(reason).toMatch(/^could not be started \(.*x\): .*(ENOENT|EACCES|E2BIG|not found)/);
  await child.close();
  expect(exits).toHaveLength(1);
});

test('a child gets its environment and nothing else of ours', async () => {
  const { child } = childOf(behaviour('environment'));
  const heard = listenTo(child);
  await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
  expect(heard[0]).toMatchObject({ params: { PATH: process.env['PATH'], BERTH_CHILD: child.marker } });
  expect(Object.keys((heard[0] as { params: object }).params)).toEqual(['PATH', 'BERTH_CHILD']);
});
