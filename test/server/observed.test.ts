import { McpServer as LegacyServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpServer } from '@modelcontextprotocol/server';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { startLab } from './running.ts';
import { inSession, openSession, post, toolCall } from './wire.ts';

const answer = async () => ({ content: [{ type: 'text' as const, text: 'heard' }] });

const makers = {
  'v1 of the SDK': () => {
    const server = new LegacyServer({ name: 'observed', version: '1' });
    server.registerTool('say', { inputSchema: {} }, answer);
    return server;
  },
  'v2 of the SDK': () => {
    const server = new McpServer({ name: 'observed', version: '1' });
    server.registerTool('say', { inputSchema: z.object({}) }, answer);
    return server;
  },
};

test.for(Object.entries(makers))(
  'who listens in place of %s, as tracing does, hears each message once',
  async ([, make]) => {
    const heard: string[] = [];
    const lab = await startLab({}, () => {
      const server = make();
      const connect = server.connect.bind(server) as (transport: {
        onmessage?: (message: { method: string }, context: unknown) => void;
      }) => Promise<void>;
      server.connect = async (transport: never) => {
        await connect(transport);
        const { onmessage } = transport as Parameters<typeof connect>[0];
        Object.assign(transport, {
          onmessage(message: { method: string }, context: unknown) {
            heard.push(message.method);
            onmessage?.(message, context);
          },
        });
      };
      return server;
    });
    const id = await openSession(lab.url);
    const response = await post(lab.url, toolCall(1, 'say'), inSession(id));
    expect(await response.json()).toMatchObject({ result: { content: [{ text: 'heard' }] } });
    expect(heard.filter((method) => method === 'tools/call')).toHaveLength(1);
    expect(heard.filter((method) => method === 'initialize')).toHaveLength(1);
  },
);

test.for(Object.entries(makers))('%s still says what is wrong with the _meta of a request', async ([, make]) => {
  const lab = await startLab({}, make);
  const id = await openSession(lab.url);
  const callWith = (meta: unknown) => {
    const { params, ...call } = toolCall(1, 'say') as { params: object };
    return post(lab.url, { ...call, params: { ...params, _meta: meta } }, inSession(id)).then((res) => res.json());
  };
  expect(await callWith({ progressToken: 'p' })).toMatchObject({ id: 1, result: {} });
  expect(await callWith({ progressToken: 7 })).toMatchObject({ id: 1, result: {} });
  expect(await callWith({ other: true })).toMatchObject({ id: 1, result: {} });
  for (const wrong of [{ progressToken: {} }, { progressToken: 1.5 }, 'x', []]) {
    expect(await callWith(wrong), JSON.stringify(wrong)).toMatchObject({ id: 1, error: { code: -32600 } });
  }
});
