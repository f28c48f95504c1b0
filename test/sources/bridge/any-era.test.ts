import { expect, test, vi } from 'vitest';
import { serversOfAnyEra } from '../../../src/sources/bridge/any-era.ts';
import { initialize } from '../../server/wire.ts';
import { KeepingClient, NO_CONTEXT, ScriptedServer } from '../scripted-server.ts';

const opening = initialize() as { jsonrpc: '2.0'; id: string; method: string };
const ping = { jsonrpc: '2.0', id: 1, method: 'ping' } as const;

/** A session that changes over to a server of the modern era as soon as that is connected. */
async function changingOver(ready: Promise<void>) {
  const [legacy, modern] = [new ScriptedServer(), new ScriptedServer()];
  modern.ready = ready;
  const connecting = vi.spyOn(modern, 'connect');
  const server = serversOfAnyEra({ legacy: () => legacy, modern: () => modern })();
  const client = new KeepingClient();
  await server.connect(client);
  server.receive(opening, NO_CONTEXT);
  legacy.refuse(opening.id, -32022);
  expect(connecting).toHaveBeenCalledOnce();
  return { server, client, legacy, modern };
}

test('a server that refuses the legacy era is left, and another one hears all that the client said', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { server, client, legacy, modern } = await changingOver(promise);
  server.receive(ping, NO_CONTEXT);
  expect(modern.heard).toEqual([]);
  resolve();
  await expect.poll(() => modern.heard).toEqual([opening, ping]);
  legacy.say('notifications/message', { data: 'Goodbye.' });
  legacy.lose('It is gone.');
  expect(legacy.closed).toBe(true);
  expect(client.heard).toEqual([]);
  expect(client.losses).toEqual([]);
});

test('a session that is closed while it changes over begins nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { server, legacy, modern } = await changingOver(promise);
  await server.close();
  resolve();
  await promise;
  // All that follows from it has happened by then.
  await new Promise((done) => setImmediate(done));
  expect(modern.heard).toEqual([]);
  expect([legacy.closed, modern.closed]).toEqual([true, true]);
});

test('a session whose other server can not be had is told why', async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  const { client } = await changingOver(promise);
  reject(new Error('There is none.'));
  await expect.poll(() => client.losses).toEqual(['There is none.']);
});
