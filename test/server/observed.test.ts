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

interface Wire {
  onmessage?: ((message: { method: string }, context?: unknown) => void) | undefined;
  start(): Promise<void>;
  send(message: unknown, options?: unknown): Promise<void>;
  close(): Promise<void>;
}
type Hear = (method: string) => void;
type Connect = (transport: Wire) => Promise<void>;

/** Ways to hear what a server object is told. */
const observers: Readonly<Record<string, (connect: Connect, hear: Hear) => Connect>> = {
  'in place of the SDK': (connect, hear) => async (transport) => {
    await connect(transport);
    const { onmessage } = transport;
    transport.onmessage = (message, context) => {
      hear(message.method);
      onmessage?.(message, context);
    };
  },
  'before the SDK': (connect, hear) => async (transport) => {
    transport.onmessage = ({ method }) => hear(method);
    await connect(transport);
  },
  'with a transport around ours': (connect, hear) => async (transport) => {
    const around: Wire = {
      start: () => {
        transport.onmessage = (message, context) => {
          hear(message.method);
          around.onmessage?.(message, context);
        };
        return transport.start();
      },
      send: (message, options) => transport.send(message, options),
      close: () => transport.close(),
    };
    await connect(around);
  },
  'with a Proxy that sees what is sent': (connect, hear) => async (transport) => {
    const send = (message: unknown, options: unknown) => {
      hear('tools/call');
      return transport.send(message, options);
    };
    const get = (target: Wire, key: string | symbol, receiver: unknown) =>
      key === 'send' ? send : Reflect.get(target, key, receiver);
    await connect(new Proxy(transport, { get }));
  },
};

const cases = Object.keys(makers).flatMap((sdk) => Object.keys(observers).map((way) => [sdk, way] as const));

test.for(cases)('%s: who listens %s hears each message once', async ([sdk, way]) => {
  const heard: string[] = [];
  const lab = await startLab({}, () => {
    const server = makers[sdk as keyof typeof makers]();
    const connect = server.connect.bind(server) as unknown as Connect;
    server.connect = observers[way]?.(connect, (method) => heard.push(method)) as never;
    return server;
  });
  const id = await openSession(lab.url);
  heard.length = 0;
  const response = await post(lab.url, toolCall(1, 'say'), inSession(id));
  expect(await response.json()).toMatchObject({ result: { content: [{ text: 'heard' }] } });
  expect(heard).toEqual(['tools/call']);
});

test.for(Object.entries(makers))('%s: a listener that throws fails the call, and holds nothing', async ([, make]) => {
  const lab = await startLab({}, () => {
    const server = make();
    const connect = server.connect.bind(server) as unknown as Connect;
    const observe: Connect = async (transport) => {
      await connect(transport);
      const { onmessage } = transport;
      transport.onmessage = (message, context) => {
        if (message.method === 'tools/call') throw new Error('not today');
        onmessage?.(message, context);
      };
    };
    server.connect = observe as never;
    return server;
  });
  const id = await openSession(lab.url);
  const response = await post(lab.url, toolCall(1, 'say'), inSession(id));
  expect(await response.json()).toMatchObject({ id: 1, error: { code: -32603 } });
  expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
});

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

test('what a module writes on the web request of one client is not on that of another', async () => {
  const seen: unknown[] = [];
  const lab = await startLab({}, () => {
    const server = new McpServer({ name: 'observed', version: '1' });
    server.registerTool('say', { inputSchema: z.object({}) }, async (_, { http }) => {
      const request = http?.req as (Request & { checked?: boolean }) | undefined;
      if (request === undefined) throw new Error('There is no request.');
      seen.push(Object.hasOwn(request, 'checked'), request.headers.get('x-who'));
      request.checked = true;
      return answer();
    });
    return server;
  });
  for (const who of ['one', 'two']) {
    await post(lab.url, toolCall(1, 'say'), { ...inSession(await openSession(lab.url)), 'x-who': who });
  }
  expect(seen).toEqual([false, 'one', false, 'two']);
});
