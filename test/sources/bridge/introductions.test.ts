import type { Transport } from '@modelcontextprotocol/client';
import { expect, onTestFinished, test } from 'vitest';
import { isRequest, type JsonRpcMessage, type JsonRpcRequest } from '../../../src/protocol/json-rpc.ts';
import { LegacyServer } from '../../../src/sources/bridge/legacy-server.ts';
import { MODERN, VERSION } from '../../server/wire.ts';
import { KeepingClient, NO_CONTEXT } from '../scripted-server.ts';

const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';
const DISCOVERED = {
  resultType: 'complete',
  supportedVersions: [MODERN],
  capabilities: { tools: {}, resources: { subscribe: true } },
  serverInfo: { name: 'scripted', version: '1' },
  ttlMs: 0,
  cacheScope: 'private',
};
const QUESTION = {
  resultType: 'input_required',
  inputRequests: {
    who: {
      method: 'elicitation/create',
      params: { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: {} } },
    },
  },
};

/** A server of the modern era that lets listeners listen, and asks its client something in each call. */
class ModernServer implements Transport {
  readonly heard: JsonRpcRequest[] = [];
  closed = false;
  onmessage?: NonNullable<Transport['onmessage']>;
  onclose?: () => void;
  readonly #introducesItself: boolean;

  constructor(introducesItself: boolean) {
    this.#introducesItself = introducesItself;
  }

  async start(): Promise<void> {}

  async send(message: unknown): Promise<void> {
    if (!isRequest(message as JsonRpcMessage)) return;
    const request = message as JsonRpcRequest;
    const { id, method } = request;
    this.heard.push(request);
    const say = (said: object) => queueMicrotask(() => this.onmessage?.({ jsonrpc: '2.0', ...said } as never));
    if (method === 'server/discover' && this.#introducesItself) say({ id, result: DISCOVERED });
    if (method === 'tools/call') say({ id, result: QUESTION });
    if (method === 'subscriptions/listen') {
      const params = { notifications: {}, _meta: { [SUBSCRIPTION_ID]: id } };
      say({ method: 'notifications/subscriptions/acknowledged', params });
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.onclose?.();
  }

  asked(method: string): JsonRpcRequest[] {
    return this.heard.filter((request) => request.method === method);
  }
}

async function begin({ introducesItself = true } = {}) {
  const opened: ModernServer[] = [];
  const server = new LegacyServer(() => {
    const transport = new ModernServer(introducesItself);
    opened.push(transport);
    return transport;
  });
  onTestFinished(() => server.close());
  const client = new KeepingClient();
  await server.connect(client);
  const say = (message: object) => server.receive({ jsonrpc: '2.0', ...message } as JsonRpcMessage, NO_CONTEXT);
  const clientInfo = { name: 'test', version: '1' };
  const initialize = (id: number) =>
    say({
      id,
      method: 'initialize',
      params: { protocolVersion: VERSION, clientInfo, capabilities: { elicitation: { form: {} } } },
    });
  initialize(1);
  if (introducesItself) await expect.poll(() => client.answerTo(1)).toHaveProperty('result');
  return { server, client, opened, say, initialize };
}

test('a server that is closed while it is being introduced is ended', async () => {
  const { server, client, opened } = await begin({ introducesItself: false });
  await expect.poll(() => opened[0]?.heard.length).toBe(1);
  await server.close();
  expect(opened[0]?.closed).toBe(true);
  expect(client.losses).toEqual([]);
});

test('a client that introduces itself twice has one server', async () => {
  const { client, opened, initialize } = await begin();
  initialize(2);
  await expect.poll(() => client.answerTo(2)).toMatchObject({ error: { message: expect.stringContaining('once') } });
  expect(opened).toHaveLength(1);
});

test('a client that says again and again that it is ready is listened for once, and for subscriptions together', async () => {
  const { client, opened, say } = await begin();
  const listens = () => opened[0]?.asked('subscriptions/listen').map(({ params }) => params?.['notifications']);
  for (let i = 0; i < 3; i++) say({ method: 'notifications/initialized' });
  await expect.poll(() => listens()?.length).toBe(1);
  const uris = ['a:1', 'a:2', 'a:3'];
  for (const [i, uri] of uris.entries()) say({ id: 10 + i, method: 'resources/subscribe', params: { uri } });
  await expect.poll(() => client.answerTo(12)).toHaveProperty('result');
  await expect.poll(() => listens()?.at(-1)).toMatchObject({ resourceSubscriptions: uris });
  expect(listens()).toHaveLength(2);
});

test('a question is withdrawn when its call is cancelled', async () => {
  const { client, say } = await begin();
  say({ id: 2, method: 'tools/call', params: { name: 'ask' } });
  await expect.poll(() => client.told('elicitation/create')).toHaveLength(1);
  const [question] = client.told('elicitation/create') as JsonRpcRequest[];
  say({ method: 'notifications/cancelled', params: { requestId: 2 } });
  await expect
    .poll(() => client.told('notifications/cancelled'))
    .toEqual([expect.objectContaining({ params: expect.objectContaining({ requestId: question?.id }) })]);
});
