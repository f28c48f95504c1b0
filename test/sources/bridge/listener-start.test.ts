import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { ModernEndpoint, type ModernEndpointOptions } from '../../../src/server/modern/modern-endpoint.ts';

test('a listener whose server tells of nothing in time is refused, and the server let go of', async () => {
  let released = 0;
  let gone: AbortSignal | undefined;
  const endpoint = new ModernEndpoint({
    follow: async (...[, , , signal]: Parameters<NonNullable<ModernEndpointOptions['follow']>>) => {
      gone = signal;
      return await new Promise(() => {});
    },
    startLimit: 30,
    createHandler: createMcpHandler,
    admission: { admit: () => ({ release: () => released++ }) },
    metrics: { requestStarted() {}, requestOver() {} },
    clock: () => performance.now(),
    log: pino({ level: 'silent' }),
    definition: {},
  } as unknown as ModernEndpointOptions);
  const body = { jsonrpc: '2.0', id: 7, method: 'subscriptions/listen', params: { notifications: {} } };
  const server = createServer((req, res) => {
    const classified = { kind: 'modern', body, method: body.method, isRequest: true } as never;
    void endpoint.post(classified, { req, res, body: JSON.stringify(body) } as never, {} as never, () => {});
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, { method: 'POST' });
  expect(await answer.json()).toMatchObject({ id: 7, error: { message: expect.stringContaining('30 ms') } });
  expect(gone?.aborted).toBe(true);
  expect(released).toBe(1);
});
