import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { expect, test } from 'vitest';
import createServer from '../../examples/legacy/server.ts';

async function connect(): Promise<Client> {
  const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
  await createServer().connect(serverSide);
  const client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(clientSide);
  return client;
}

test('each session keeps its own notes', async () => {
  const first = await connect();
  const second = await connect();
  await first.callTool({ name: 'take_note', arguments: { text: 'buy milk' } });
  const read = { name: 'read_notes', arguments: {} };
  expect((await first.callTool(read)).content).toEqual([{ type: 'text', text: 'buy milk' }]);
  expect((await second.callTool(read)).content).toEqual([{ type: 'text', text: 'No notes yet.' }]);
  await first.close();
  await second.close();
});
