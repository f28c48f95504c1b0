import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createParkable } from '../fixtures/parkable.ts';
import { eventually, type Lab, startLab } from './running.ts';
import { openSse, Refused, type SseStream, textIn } from './sse-client.ts';
import { initialize, modernCall, openSession, post, toolCall } from './wire.ts';

const held = (lab: Lab, wanted: number) => eventually(lab.counts, ({ active }) => active === wanted);

const refusal = async (lab: Lab) => {
  const refused = await openSse(lab.origin).catch((error: unknown) => error);
  if (!(refused instanceof Refused)) throw new Error('The stream was opened.');
  return refused;
};

test('streams, sessions and modern requests share the slots exactly', async () => {
  const lab = await startLab({ transport: 'http-compat', maxConnections: '6' });
  const opened = await Promise.allSettled([
    ...Array.from({ length: 10 }, () => openSse(lab.origin)),
    ...Array.from({ length: 10 }, () => openSession(lab.url)),
  ]);
  expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(6);
  expect(await lab.counts()).toMatchObject({ active: 6, sessions: { active: 6 }, overCap: 0 });
  expect((await refusal(lab)).status).toBe(503);
  expect((await post(lab.url, initialize())).status).toBe(503);
  expect((await modernCall(lab.url, 'echo', { value: 'x' })).status).toBe(503);
  expect(await lab.metric('mcp_active_connections')).toBe(6);
});

test('a refusal has the form of all but /mcp, and the client that comes back gets in once there is room', async () => {
  const lab = await startLab({ transport: 'http-compat', maxConnections: '1' });
  const stream = await openSse(lab.origin);
  const { status, headers, body } = await refusal(lab);
  expect(status).toBe(503);
  expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(4);
  expect(body).toEqual({
    error: 'Server at capacity',
    message: 'Server at capacity: every connection is in use. Try again in a few seconds.',
    active_connections: 1,
    max_connections: 1,
  });
  expect(await lab.metric('mcp_connections_refused_total{reason="capacity"}')).toBe(1);
  stream.leave();
  await held(lab, 0);
  await openSse(lab.origin);
  expect(await lab.metric('mcp_sessions_closed_total{reason="abandoned"}')).toBe(1);
  expect(await lab.metric('mcp_sessions_opened_total')).toBe(2);
});

test('a quiet session that can be parked makes room for a stream', async () => {
  const { definition } = createParkable();
  const lab = await startLab({ transport: 'http-compat', maxConnections: '1' }, definition);
  await openSession(lab.url);
  await openSse(lab.origin);
  expect(await lab.counts()).toMatchObject({ active: 1, sessions: { active: 1, parked: 1 } });
});

test('a client that goes ends its session: calls are cancelled, and the module is told', async () => {
  const lab = await startLab({ transport: 'sse' });
  const stream = await openSse(lab.origin);
  await stream.initialize();
  await stream.post(toolCall(1, 'wait', { ms: 20_000 }));
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  stream.leave();
  await held(lab, 0);
  expect(lab.notes).toMatchObject({ running: 0, cancelled: ['1'], ended: ['abandoned'] });
  expect((await stream.post(toolCall(2, 'echo', { value: 'x' }))).status).toBe(404);
});

test('a handler that goes on after its client went keeps the slot until it settles', async () => {
  const lab = await startLab({ transport: 'sse', maxConnections: '1' });
  const stream = await openSse(lab.origin);
  await stream.initialize();
  await stream.post(toolCall(1, 'wait', { ms: 600, stubborn: true }));
  await eventually(
    () => lab.notes.running,
    (running) => running === 1,
  );
  stream.leave();
  await eventually(
    () => lab.notes.ended,
    (ended) => ended.length === 1,
  );
  expect((await refusal(lab)).status).toBe(503);
  expect(await lab.counts()).toMatchObject({ active: 1, sessions: { active: 0 }, requestsInFlight: { legacy: 1 } });
  await held(lab, 0);
  expect(lab.notes.running).toBe(0);
  expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
});

test('a call that its client cancels counts until its handler settles', async () => {
  const lab = await startLab({ transport: 'sse', maxRequestsPerSession: '1' });
  const stream = await openSse(lab.origin);
  await stream.initialize();
  await stream.post(toolCall(1, 'wait', { ms: 400, stubborn: true }));
  await stream.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
  expect((await stream.post(toolCall(2, 'echo', { value: 'x' }))).status).toBe(429);
  await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 0);
  expect(textIn(await stream.call(toolCall(3, 'echo', { value: 'x' })))).toBe('x');
  expect(stream.messages.some((message) => 'id' in message && message.id === 1)).toBe(false);
});

test('what is still being made for a client that went is paid for until it is done', async () => {
  const made = Promise.withResolvers<void>();
  let creations = 0;
  const create = async () => {
    // The first one is made at start, to see whether it can be.
    if (++creations > 1) await made.promise;
    return new McpServer({ name: 'slow', version: '1' });
  };
  const lab = await startLab({ transport: 'sse' }, { name: 'slow', version: '1', create });
  const stream = await openSse(lab.origin);
  await stream.post(initialize());
  stream.leave();
  await eventually(lab.counts, ({ sessions }) => sessions.active === 0);
  expect((await lab.counts()).active).toBe(1);
  made.resolve();
  await held(lab, 0);
});

test('a raw server that never answers costs its slot no longer than it lives', async () => {
  const closing = Promise.withResolvers<void>();
  const closed: string[] = [];
  const create = ({ era }: { readonly era: string }) => ({
    connect: async () => {},
    receive() {},
    async close() {
      if (era !== 'legacy') return;
      closed.push('asked');
      await closing.promise;
    },
  });
  const lab = await startLab({ transport: 'sse' }, { name: 'mute', version: '1', create });
  const stream = await openSse(lab.origin);
  await stream.post(initialize());
  await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 1);
  stream.leave();
  await eventually(
    () => closed,
    (asked) => asked.length === 1,
  );
  expect(await lab.counts()).toMatchObject({ active: 1, requestsInFlight: { legacy: 1 } });
  closing.resolve();
  await held(lab, 0);
  expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
});

/** Opens a stream on a socket that is never read from. */
async function openUnread(lab: Lab): Promise<string> {
  const socket = connect(lab.server.port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void socket.destroy());
  socket.setEncoding('utf8');
  socket.write('GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n');
  let text = '';
  return await new Promise((resolve) => {
    socket.on('data', (chunk) => {
      text += chunk;
      const path = /data: (\S+)\r?\n/.exec(text)?.[1];
      if (path === undefined) return;
      socket.pause();
      resolve(lab.origin + path);
    });
  });
}

test('a reader that does not read costs bounded memory and is cut', async () => {
  let most = 0;
  const create = () => {
    const server = new McpServer({ name: 'flood', version: '1' }, { capabilities: { logging: {} } });
    server.registerTool('flood', { inputSchema: z.object({}) }, async (_, { mcpReq }) => {
      const params = { level: 'info' as const, data: 'x'.repeat(100_000) };
      for (let i = 0; i < 1_000 && !mcpReq.signal.aborted; i++) {
        // Without waiting for its reader, but letting the loop turn.
        void mcpReq.notify({ method: 'notifications/message', params }).catch(() => {});
        most = i;
        await sleep(0);
      }
      return { content: [] };
    });
    return server;
  };
  const lab = await startLab({ transport: 'sse', maxStreamBuffer: '1MiB' }, { name: 'flood', version: '1', create });
  const endpoint = await openUnread(lab);
  const call = toolCall(1, 'flood');
  const headers = { 'content-type': 'application/json' };
  expect((await fetch(endpoint, { method: 'POST', headers, body: JSON.stringify(call) })).status).toBe(202);
  await held(lab, 0);
  expect(most).toBeLessThan(300);
});

test('a sender that waits for its reader is held back by it', async () => {
  let sent = 0;
  const create = () => {
    const server = new McpServer({ name: 'patient', version: '1' }, { capabilities: { logging: {} } });
    server.registerTool('flood', { inputSchema: z.object({}) }, async (_, { mcpReq }) => {
      const params = { level: 'info' as const, data: 'x'.repeat(100_000) };
      for (; sent < 1_000 && !mcpReq.signal.aborted; sent++) {
        await mcpReq.notify({ method: 'notifications/message', params });
      }
      return { content: [] };
    });
    return server;
  };
  const lab = await startLab({ transport: 'sse' }, { name: 'patient', version: '1', create });
  const endpoint = await openUnread(lab);
  const headers = { 'content-type': 'application/json' };
  await fetch(endpoint, { method: 'POST', headers, body: JSON.stringify(toolCall(1, 'flood')) });
  const before = await eventually(
    async () => {
      const seen = sent;
      await sleep(150);
      return { seen, still: sent === seen && seen > 0 };
    },
    ({ still }) => still,
  );
  expect(before.seen).toBeLessThan(300);
  expect((await lab.counts()).active).toBe(1);
});

/** A stream of numbers that is the same for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test.for([1, 2, 3])('whatever clients do, no slot is lost or given back twice (seed %i)', async (seed) => {
  const random = randomFrom(seed);
  const cap = 8;
  const lab = await startLab({ transport: 'http-compat', maxConnections: String(cap) });
  const client = async () => {
    for (let round = 0; round < 6; round++) {
      let stream: SseStream;
      try {
        stream = await openSse(lab.origin);
      } catch (error) {
        if (!(error instanceof Refused) || error.status !== 503) throw error;
        continue;
      }
      if (random(2) === 0) void stream.post(initialize('2024-11-05')).catch(() => {});
      for (let id = 0; id < random(5); id++) {
        const ms = random(40);
        void stream.post(toolCall(id, 'wait', { ms, stubborn: random(2) === 0 })).catch(() => {});
        if (random(3) === 0) {
          const params = { requestId: id };
          void stream.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params }).catch(() => {});
        }
        if (random(3) === 0) await sleep(random(20));
      }
      if (random(2) === 0) await sleep(random(30));
      stream.leave();
    }
  };
  let over = false;
  const watching = (async () => {
    while (!over) {
      const { active, streams, overCap } = await lab.counts();
      expect(overCap).toBe(0);
      expect(active).toBeGreaterThanOrEqual(streams.sse);
      await sleep(5);
    }
  })();
  await Promise.all(Array.from({ length: 12 }, client));
  over = true;
  await watching;
  await held(lab, 0);
  expect(lab.notes.running).toBe(0);
  expect((await lab.counts()).requestsInFlight.legacy).toBe(0);
  await Promise.all(Array.from({ length: cap }, () => openSse(lab.origin)));
  expect((await refusal(lab)).status).toBe(503);
});
