import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readServeConfig } from '../../../src/config/read-config.ts';
import { createLog } from '../../../src/server/log.ts';
import { type RunningServer, startServer } from '../../../src/server/server.ts';
import { loadCommand } from '../../../src/sources/command/command-source.ts';
import { modernCall } from '../../server/wire.ts';

const program = fileURLToPath(new URL('../../fixtures/stdio/modern-only.ts', import.meta.url));

describe('a command that speaks the modern era alone', () => {
  let server: RunningServer;
  let url: string;
  let client: Client;

  beforeAll(async () => {
    const flags = { port: '0', adminPort: '0', drainDelay: '0s', drainWindow: '0s', logLevel: 'error' };
    const config = readServeConfig({ flags, environment: {}, source: 'command' });
    const environment = { PATH: process.env['PATH'] };
    const log = pino({ level: 'silent' });
    const source = await loadCommand([process.execPath, program], { config, log, environment });
    server = await startServer(config, source, createLog(config));
    url = `http://127.0.0.1:${server.port}/mcp`;
    client = new Client({ name: 'test', version: '1' }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    await client.connect(new StreamableHTTPClientTransport(new URL(url)) as never);
  });

  afterAll(async () => {
    await client.close();
    await server.stop(AbortSignal.abort());
  });

  test('introduces itself to a client of the legacy era, and is listed and called', async () => {
    expect(client.getServerVersion()).toMatchObject({ name: 'modern-only', version: '1.0.0' });
    expect(client.getInstructions()).toBe('For tests.');
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual([
      'echo',
      'ask',
      'progress',
      'log',
      'touch',
    ]);
    expect(await client.callTool({ name: 'echo', arguments: { value: 'hi' } })).toMatchObject({
      content: [{ type: 'text', text: 'hi' }],
    });
    await expect(client.readResource({ uri: 'no:such' })).rejects.toThrow();
  });

  test('asks the client in the words of that era', async () => {
    expect(await client.callTool({ name: 'ask' })).toMatchObject({ content: [{ text: 'hello Ada' }] });
  });

  test('tells progress and, to who set a level, log messages', async () => {
    const steps: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => void steps.push(progress);
    await client.callTool({ name: 'progress' }, undefined, { onprogress });
    expect(steps).toEqual([1, 2]);
    const logged: unknown[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data));
    await client.callTool({ name: 'log' });
    await client.setLoggingLevel('info');
    await client.callTool({ name: 'log' });
    expect(logged).toEqual(['logged']);
  });

  test('tells of changes, of resources to who subscribed', async () => {
    const heard: string[] = [];
    client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void heard.push(`updated ${params.uri}`),
    );
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push('tools'));
    const touch = (uri: string) => client.callTool({ name: 'touch', arguments: { uri } });
    await expect
      .poll(async () => {
        await touch('a:b');
        return heard;
      })
      .toContain('tools');
    expect(heard).not.toContain('updated a:b');
    await client.subscribeResource({ uri: 'a:b' });
    await expect
      .poll(async () => {
        await touch('a:b');
        return heard;
      })
      .toContain('updated a:b');
  });

  test('serves the modern era as well', async () => {
    const answer = await (await modernCall(url, 'echo', { value: 'hi' })).json();
    expect(answer).toMatchObject({ result: { resultType: 'complete', content: [{ text: 'hi' }] } });
  });
});
