import { expect, onTestFinished, test } from 'vitest';
import type { JsonRpcMessage } from '../../../src/protocol/json-rpc.ts';
import { SharedChild } from '../../../src/sources/command/shared-child.ts';
import { INTRODUCTION, KeepingClient, NO_CONTEXT, ScriptedServer } from '../scripted-server.ts';

class IntroducedServer extends ScriptedServer {
  override receive(message: JsonRpcMessage): void {
    super.receive(message);
    if ('method' in message && message.method === 'initialize')
      this.answer(Number(message['id' as never]), INTRODUCTION);
  }
}

/** A child that many share, and how to become one of them. */
function share() {
  const started: IntroducedServer[] = [];
  const shared = new SharedChild(INTRODUCTION, () => {
    const child = new IntroducedServer();
    started.push(child);
    return child;
  });
  onTestFinished(() => shared.close());
  const join = async () => {
    const [server, client] = [shared.server(), new KeepingClient()];
    await server.connect(client);
    const say = (message: object) => server.receive({ jsonrpc: '2.0', ...message } as JsonRpcMessage, NO_CONTEXT);
    return {
      client,
      close: () => server.close(),
      call: (id: number, name: string) => say({ id, method: 'tools/call', params: { name } }),
      cancel: (requestId: number) => say({ method: 'notifications/cancelled', params: { requestId } }),
      subscribe: (id: number, uri: string) => say({ id, method: 'resources/subscribe', params: { uri } }),
      unsubscribe: (id: number, uri: string) => say({ id, method: 'resources/unsubscribe', params: { uri } }),
      logged: () => client.told('notifications/message').length,
    };
  };
  const child = () => started.at(-1) as IntroducedServer;
  const calls = (name: string) =>
    child()
      .asked('tools/call')
      .filter(({ params }) => params?.['name'] === name);
  return {
    shared,
    started,
    join,
    child,
    log: () => child().say('notifications/message', { level: 'info', data: 'secret' }),
    update: (uri: string) => child().say('notifications/resources/updated', { uri }),
    /** Answers the newest request of this method. */
    answer: (method: string) => child().answer(child().asked(method).at(-1)?.id as number),
    answerCall: async (name: string) => {
      await expect.poll(() => calls(name)).toHaveLength(1);
      child().answer(calls(name)[0]?.id as number);
    },
    began: (name: string) => expect.poll(() => calls(name)).toHaveLength(1),
    asked: (method: string, count: number) => expect.poll(() => child().asked(method)).toHaveLength(count),
  };
}

test('what the child logs about a call that was cancelled is told to no other client, until the child has ended it', async () => {
  const { join, began, answerCall, log } = share();
  const [one, other] = [await join(), await join()];
  one.call(1, 'secret');
  await began('secret');
  one.cancel(1);
  other.call(1, 'wait');
  await began('wait');
  log();
  expect(other.logged()).toBe(0);
  await answerCall('secret');
  log();
  expect(other.logged()).toBe(0);
  await expect
    .poll(() => {
      log();
      return other.logged();
    })
    .toBeGreaterThan(0);
  expect(one.logged()).toBe(0);
});

test('what the child logs right after an answer is told to no other client', async () => {
  const { join, began, answerCall, log } = share();
  const [one, other] = [await join(), await join()];
  one.call(1, 'secret');
  other.call(1, 'wait');
  await began('wait');
  await answerCall('secret');
  await expect.poll(() => one.client.answerTo(1)).toBeDefined();
  log();
  expect(other.logged()).toBe(0);
});

test('what the child logs about a call whose client has gone is told to nobody', async () => {
  const { join, began, log } = share();
  const [one, other] = [await join(), await join()];
  one.call(1, 'secret');
  await began('secret');
  await one.close();
  other.call(1, 'wait');
  await began('wait');
  log();
  expect(other.logged()).toBe(0);
});

test('a client that unsubscribes while another subscribes leaves that one its subscription', async () => {
  const { join, asked, answer, update, child } = share();
  const [one, other] = [await join(), await join()];
  one.subscribe(1, 'a:b');
  await asked('resources/subscribe', 1);
  answer('resources/subscribe');
  await expect.poll(() => one.client.answerTo(1)).toHaveProperty('result');
  other.subscribe(1, 'a:b');
  await asked('resources/subscribe', 2);
  one.unsubscribe(2, 'a:b');
  answer('resources/subscribe');
  await expect.poll(() => other.client.answerTo(1)).toHaveProperty('result');
  await expect.poll(() => one.client.answerTo(2)).toHaveProperty('result');
  expect(child().asked('resources/unsubscribe')).toEqual([]);
  update('a:b');
  expect(other.client.told('notifications/resources/updated')).toHaveLength(1);
  expect(one.client.told('notifications/resources/updated')).toHaveLength(0);
});

test('a subscription that the child refuses counts for nothing', async () => {
  const { join, asked, answer, update, child } = share();
  const [one, other] = [await join(), await join()];
  one.subscribe(1, 'a:b');
  await asked('resources/subscribe', 1);
  answer('resources/subscribe');
  await expect.poll(() => one.client.answerTo(1)).toHaveProperty('result');
  other.subscribe(1, 'a:b');
  await asked('resources/subscribe', 2);
  child().refuse(child().asked('resources/subscribe')[1]?.id as number, -32602);
  await expect.poll(() => other.client.answerTo(1)).toMatchObject({ error: { code: -32602 } });
  update('a:b');
  expect(other.client.told('notifications/resources/updated')).toHaveLength(0);
  one.unsubscribe(2, 'a:b');
  await asked('resources/unsubscribe', 1);
  answer('resources/unsubscribe');
  await expect.poll(() => one.client.answerTo(2)).toHaveProperty('result');
});

test('a child is not started for the sake of what another one was subscribed to', async () => {
  const { join, asked, answer, started, child } = share();
  const [one, other] = [await join(), await join()];
  one.subscribe(1, 'a:b');
  await asked('resources/subscribe', 1);
  answer('resources/subscribe');
  await expect.poll(() => one.client.answerTo(1)).toHaveProperty('result');
  child().lose('It is gone.');
  expect([one.client.losses, other.client.losses]).toEqual([['It is gone.'], ['It is gone.']]);
  await one.close();
  expect(started).toHaveLength(1);
  const next = await join();
  expect(started).toHaveLength(2);
  next.call(1, 'wait');
  await asked('tools/call', 1);
});

test('a client whose request the child has no room for is refused, and nobody else loses the child', async () => {
  const { join, child, began } = share();
  const [one, other] = [await join(), await join()];
  child().unsent = 17 * 1024 * 1024;
  one.call(1, 'refused');
  await expect
    .poll(() => one.client.answerTo(1))
    .toMatchObject({ error: { code: -32000, message: expect.stringContaining('does not read') } });
  child().unsent = 0;
  other.call(1, 'wait');
  await began('wait');
  expect(child().asked('tools/call')).toHaveLength(1);
});

test('a session that is closed while the child starts is told nothing', async () => {
  const { shared, child } = share();
  const [server, client] = [shared.server(), new KeepingClient()];
  const connecting = server.connect(client);
  await server.close();
  await connecting;
  child().say('notifications/tools/list_changed', {});
  child().lose('It is gone.');
  expect([client.heard, client.losses]).toEqual([[], []]);
});

test('a child that has not been introduced yet is closed, not waited for', async () => {
  const child = new ScriptedServer();
  const shared = new SharedChild(INTRODUCTION, () => child);
  const connecting = shared.server().connect(new KeepingClient());
  await expect.poll(() => child.asked('initialize')).toHaveLength(1);
  const closing = shared.close();
  await expect(connecting).rejects.toThrow('The session was closed.');
  await closing;
  expect(child.closed).toBe(true);
});
