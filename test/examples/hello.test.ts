import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createMcpHandler, InMemoryTransport, McpServer } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, test } from 'vitest';
import hello from '../../examples/hello/server.ts';
import type { ServerSession } from '../../src/sources/define-server.ts';

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function create(era: ServerSession['era'], state: Record<string, unknown> = {}): Promise<McpServer> {
  const server = await hello.create({ era, id: undefined, state, fleetKey: '', onEnd: () => {} });
  if (!(server instanceof McpServer)) throw new Error('The example made a server that cannot serve both eras');
  return server;
}

async function connectLegacy(state: Record<string, unknown> = {}): Promise<Client> {
  const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
  const server = await create('legacy', state);
  await server.connect(serverSide);
  const client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(clientSide);
  closing.push(() => client.close());
  return client;
}

/** No sockets: the client's `fetch` is the handler. */
async function connectModern(): Promise<Client> {
  const handler = createMcpHandler(({ era }) => create(era), { legacy: 'reject' });
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  await client.connect(
    new StreamableHTTPClientTransport(new URL('http://127.0.0.1/mcp'), {
      fetch: (url, init) => handler.fetch(new Request(url, init)),
    }),
  );
  closing.push(
    () => client.close(),
    () => handler.close(),
  );
  return client;
}

describe.for([
  ['legacy', () => connectLegacy()],
  ['modern', () => connectModern()],
] as const)('in the %s era', ([, connect]) => {
  test('its tools are listed and answer', async () => {
    const client = await connect();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['greet', 'add', 'clock', 'wait']);
    const greeting = await client.callTool({ name: 'greet', arguments: { name: 'Ada' } });
    expect(greeting.content).toEqual([{ type: 'text', text: 'Hello, Ada!' }]);
    const sum = await client.callTool({ name: 'add', arguments: { a: 2, b: 3 } });
    expect(sum.structuredContent).toEqual({ sum: 5 });
  });

  test('its resource and its prompt can be read', async () => {
    const client = await connect();
    const { contents } = await client.readResource({ uri: 'hello://about' });
    expect(contents[0]).toMatchObject({ text: 'hello 1.0.0, served by berth' });
    const prompt = await client.getPrompt({ name: 'introduce', arguments: { name: 'Ada' } });
    expect(JSON.stringify(prompt.messages)).toContain('Introduce Ada');
  });

  test('waiting reports progress', async () => {
    const client = await connect();
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => {
      seen.push(progress);
    };
    await client.callTool({ name: 'wait', arguments: { seconds: 1 } }, { onprogress });
    expect(seen).toEqual([1]);
  });

  test('a call that waits can be cancelled', async () => {
    const client = await connect();
    const cancel = new AbortController();
    const call = client.callTool({ name: 'wait', arguments: { seconds: 600 } }, { signal: cancel.signal });
    cancel.abort('enough');
    await expect(call).rejects.toThrow();
  });
});

test('a session built again from its state goes on counting', async () => {
  const state = {};
  for (const expected of ['Hello, Ada!', 'Hello, Ada! That makes 2 in this session.']) {
    const client = await connectLegacy(state);
    const { content } = await client.callTool({ name: 'greet', arguments: { name: 'Ada' } });
    expect(content).toEqual([{ type: 'text', text: expected }]);
  }
});
