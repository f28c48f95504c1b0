import {
  Client as DualEraClient,
  StreamableHTTPClientTransport as DualEraTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { ElicitRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { eventually, startLab } from './running.ts';
import { modernCall, modernPost } from './wire.ts';

/** A module of the legacy SDK: a plain factory. */
function legacyServer() {
  const server = new McpServer({ name: 'old', version: '3.1.4' }, { capabilities: { logging: {} } });
  server.registerTool('double', { inputSchema: { n: z.number() } }, async ({ n }, extra) => {
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data: `doubling ${n}` } });
    return { content: [{ type: 'text', text: String(2 * n) }] };
  });
  server.registerTool('ask', {}, async () => {
    const answer = await server.server.elicitInput({
      message: 'Your name?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
    });
    return { content: [{ type: 'text', text: `Hello ${answer.content?.['name']}` }] };
  });
  return server;
}

async function connectLegacy(url: string, client = new Client({ name: 'test', version: '1' })) {
  const transport = new StreamableHTTPClientTransport(new URL(url));
  // The SDK's classes do not satisfy their own interface under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client['connect']>[0]);
  onTestFinished(() => client.close());
  return { client, transport };
}

test('the legacy SDK’s client talks to the legacy SDK’s server, with notifications and questions back', async () => {
  const lab = await startLab({}, legacyServer);
  const asker = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: {} } });
  asker.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
  const logged: unknown[] = [];
  asker.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data));
  const { client } = await connectLegacy(lab.url, asker);
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['double', 'ask']);
  expect(await client.callTool({ name: 'double', arguments: { n: 21 } })).toMatchObject({ content: [{ text: '42' }] });
  expect(logged).toEqual(['doubling 21']);
  await eventually(lab.counts, ({ streams }) => streams.standalone === 1);
  expect(await client.callTool({ name: 'ask' })).toMatchObject({ content: [{ text: 'Hello Ada' }] });
  expect(await (await fetch(`${lab.origin}/`)).json()).toMatchObject({
    appName: 'old',
    appVersion: '3.1.4',
    mcpLibraryVersion: '1.32.2',
  });
});

test('a server of the legacy SDK answers a modern request as it always did, so that clients fall back', async () => {
  const lab = await startLab({}, legacyServer);
  const answer = await modernPost(lab.url, 'server/discover');
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { code: -32000 } });
  const client = new DualEraClient({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new DualEraTransport(new URL(lab.url)));
  onTestFinished(() => client.close());
  expect(await client.callTool({ name: 'double', arguments: { n: 4 } })).toMatchObject({ content: [{ text: '8' }] });
  expect((await modernCall(lab.url, 'double', { n: 1 })).status).toBe(400);
});

test.for(['legacy', 'modern'] as const)('the new SDK’s client and server speak the %s era', async (era) => {
  const lab = await startLab();
  const versionNegotiation = era === 'modern' ? { mode: { pin: '2026-07-28' } } : { mode: 'legacy' as const };
  const client = new DualEraClient({ name: 'test', version: '1' }, { versionNegotiation });
  await client.connect(new DualEraTransport(new URL(lab.url)));
  expect((await client.listTools()).tools.length).toBeGreaterThan(3);
  expect(await client.callTool({ name: 'echo', arguments: { value: era } })).toMatchObject({
    content: [{ text: era }],
  });
  expect((await lab.counts()).sessions.active).toBe(era === 'legacy' ? 1 : 0);
  await client.close();
});

test('a call that the client times out is cancelled in the handler', async () => {
  const lab = await startLab();
  const { client } = await connectLegacy(lab.url);
  const call = client.callTool({ name: 'wait', arguments: { ms: 20_000 } }, undefined, { timeout: 300 });
  await expect(call).rejects.toThrow(/timed out/i);
  await eventually(
    () => lab.notes.running,
    (running) => running === 0,
  );
  expect(lab.notes.cancelled).toHaveLength(1);
});

test('a client that closes its session makes room', async () => {
  const lab = await startLab({ maxConnections: '1' });
  const { transport } = await connectLegacy(lab.url);
  await expect(connectLegacy(lab.url)).rejects.toThrow(/capacity/);
  await transport.terminateSession();
  await connectLegacy(lab.url);
  expect(lab.notes.ended).toEqual(['deleted']);
});
