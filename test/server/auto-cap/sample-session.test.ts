import { McpServer } from '@modelcontextprotocol/server';
import { expect, test } from 'vitest';
import { openSample } from '../../../src/server/auto-cap/sample-session.ts';
import type { ServerSession } from '../../../src/sources/define-server.ts';
import { eventually } from '../running.ts';

const failed = (error: unknown) => expect.unreachable(String(error));

/** A module that notes what happens to its sessions. */
function noted() {
  const seen: string[] = [];
  const create = (session: ServerSession) => {
    const server = new McpServer({ name: 'noted', version: '1.0.0' }, { capabilities: { tools: {} } });
    server.server.oninitialized = () => void seen.push('initialized');
    server.server.onclose = () => void seen.push('closed');
    server.server.setRequestHandler('tools/list', () => {
      seen.push('listed');
      return { tools: [] };
    });
    session.onEnd((reason) => void seen.push(`end: ${reason}`));
    seen.push(`created: ${session.era}`);
    return server;
  };
  return { seen, definition: { create } };
}

test('a sample is a session of the legacy era from its beginning to its end', async () => {
  const { seen, definition } = noted();
  const sample = await openSample({ definition, startLimit: 5_000, failed });
  expect(seen).toEqual(['created: legacy', 'initialized', 'listed']);
  await sample.close();
  expect(
    await eventually(
      () => seen.toSorted(),
      ({ length }) => length === 5,
    ),
  ).toEqual(['created: legacy', 'initialized', 'listed', 'closed', 'end: closed'].toSorted());
});

test('one whose server object is never made fails in time', async () => {
  const definition = { create: () => new Promise<never>(() => {}) };
  await expect(openSample({ definition, startLimit: 50, failed })).rejects.toThrow(
    'The server took longer than 50 ms to start.',
  );
});

test('one whose server never answers fails in time, and is ended', async () => {
  const { seen, definition } = noted();
  const create = (session: ServerSession) => {
    const server = definition.create(session);
    server.server.setRequestHandler('tools/list', () => new Promise<never>(() => {}));
    return server;
  };
  await expect(openSample({ definition: { create }, startLimit: 50, failed })).rejects.toThrow(
    'tools/list was not answered within 50 ms.',
  );
  await eventually(
    () => seen,
    (all) => all.includes('end: closed') && all.includes('closed'),
  );
});
