import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { expect, onTestFinished, test } from 'vitest';
import type { Admission } from '../../src/server/admission.ts';
import { alone } from '../../src/server/elsewhere.ts';
import { Gate } from '../../src/server/gate.ts';
import { createLog } from '../../src/server/log.ts';
import { ModernEndpoint } from '../../src/server/modern/modern-endpoint.ts';
import type { ServerSession } from '../../src/sources/define-server.ts';
import { sourceOf } from '../../src/sources/load-module.ts';
import type { SourceDefinition } from '../../src/sources/source.ts';
import { eventually, startLab } from './running.ts';
import { events, messageIn, modernCall, modernPost } from './wire.ts';

type Definition = Pick<SourceDefinition, 'create' | 'reusable' | 'sameSdk'>;

/** A limit that a test can wait for. */
const LIMIT_MS = 100;
const LISTEN = { notifications: { toolsListChanged: true } };
const FAILED = { jsonrpc: '2.0', id: 1, error: { code: -32603 } };

/** Serves the modern era with one slot; every slot, request and short request has to be given back once. */
async function serve(definition: Definition) {
  const gate = new Gate(1);
  const lab = { started: 0, over: 0, short: 0, released: 0, logs: [] as { msg: string; err: { message: string } }[] };
  const admission: Pick<Admission, 'admit' | 'countShortRequest' | 'closedFor'> = {
    closedFor: undefined,
    admit() {
      const release = gate.tryEnter();
      if (release === undefined) return { refused: 'capacity' };
      return {
        release: () => {
          lab.released++;
          release();
        },
      };
    },
    countShortRequest: () => () => void lab.short++,
  };
  const endpoint = new ModernEndpoint({
    definition,
    createHandler: createMcpHandler,
    startLimit: LIMIT_MS,
    follow: undefined,
    proxy: undefined,
    admission: admission as Admission,
    metrics: { requestStarted: () => void lab.started++, requestOver: () => void lab.over++ },
    streams: { add: () => {}, remove: () => {} },
    maxStreamBuffer: 1_000_000,
    log: createLog({ logLevel: 'info', logFormat: 'json' }, { write: (line) => void lab.logs.push(JSON.parse(line)) }),
    clock: () => performance.now(),
    fleetKey: () => '',
  });
  const server = createServer(async (req, res) => {
    const body = await text(req);
    const message = JSON.parse(body) as { readonly method: string };
    const classified = { kind: 'modern', body: message, method: message.method, isRequest: true } as const;
    await endpoint.post(classified, { req, res, body }, { ...alone, final: false }, () => res.writeHead(503).end());
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    endpoint.close();
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return { lab, gate, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp` };
}

function server(): McpServer {
  const made = new McpServer({ name: 'slow', version: '1' }, { capabilities: { tools: { listChanged: true } } });
  made.registerTool('echo', {}, () => ({ content: [] }));
  return made;
}

/** Makes nothing until it is told to, and from then on at once. */
function slowly() {
  const notes = { closed: 0, ended: 0, sessions: [] as ServerSession[] };
  const { promise: told, resolve: goOn } = Promise.withResolvers<void>();
  const create = async (session: ServerSession) => {
    notes.sessions.push(session);
    await told;
    session.onEnd(() => void notes.ended++);
    const made = server();
    const close = made.close.bind(made);
    made.close = () => {
      notes.closed++;
      return close();
    };
    return made;
  };
  return { notes, create, goOn };
}

/** The end of what is told later in the same turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const ways = [
  { way: 'directly', sameSdk: true, reusable: false },
  { way: 'directly with an object that may be used again', sameSdk: true, reusable: true },
  { way: 'by the SDK', sameSdk: false, reusable: false },
  { way: 'by the SDK with an object that may be used again', sameSdk: false, reusable: true },
];

test.for(ways)('a module that never makes its object keeps no slot: served $way', async ({ sameSdk, reusable }) => {
  const { create } = slowly();
  const { lab, gate, url } = await serve({ create, sameSdk, reusable });
  const answering = modernCall(url, 'echo');
  await eventually(
    () => gate.held,
    (held) => held === 1,
  );
  const answer = await answering;
  expect([answer.status, await answer.json()]).toMatchObject([500, FAILED]);
  await turn();
  expect(gate.held).toBe(0);
  expect(lab).toMatchObject({ started: 1, over: 1, short: 1, released: 1 });
  expect(lab.logs).toMatchObject([
    { msg: 'Server object failed', err: { message: 'The server took longer than 100 ms to start.' } },
  ]);
});

test('nor does a listener', async () => {
  const { create } = slowly();
  const { lab, gate, url } = await serve({ create, sameSdk: true });
  const answer = await modernPost(url, 'subscriptions/listen', LISTEN);
  expect([answer.status, await answer.json()]).toMatchObject([500, FAILED]);
  await turn();
  expect(gate.held).toBe(0);
  expect(lab).toMatchObject({ over: 1, released: 1 });
});

test.for(ways)('nor for a client that has gone: served $way', async ({ sameSdk, reusable }) => {
  const { create } = slowly();
  const { lab, gate, url } = await serve({ create, sameSdk, reusable });
  const gone = new AbortController();
  const answering = modernCall(url, 'echo', {}, gone.signal).catch(({ name }: Error) => name);
  await eventually(
    () => gate.held,
    (held) => held === 1,
  );
  gone.abort();
  expect(await answering).toBe('AbortError');
  await eventually(
    () => lab.released,
    (released) => released > 0,
  );
  expect(gate.held).toBe(0);
  expect(lab).toMatchObject({ over: 1, short: 1, released: 1 });
});

test.for(ways)('an object that comes too late is closed, and its module told: served $way', async (way) => {
  const { notes, create, goOn } = slowly();
  const { lab, gate, url } = await serve({ create, ...way });
  expect((await modernCall(url, 'echo')).status).toBe(500);
  expect([notes.sessions.length, notes.closed, notes.ended]).toEqual([1, 0, 0]);
  goOn();
  await eventually(
    () => [notes.closed, notes.ended],
    ([closed, ended]) => closed === 1 && ended === 1,
  );
  // The next one is another.
  expect((await modernCall(url, 'echo')).status).toBe(200);
  await turn();
  expect(notes.sessions.length).toBe(2);
  expect(gate.held).toBe(0);
  expect(lab.released).toBe(2);
});

test('one that serves somebody else by then is left alone', async () => {
  let closed = 0;
  const shared = server();
  await shared.connect({ start: async () => {}, send: async () => {}, close: async () => void closed++ });
  const { promise: told, resolve: goOn } = Promise.withResolvers<McpServer>();
  const { url } = await serve({ create: () => told, sameSdk: true });
  expect((await modernCall(url, 'echo')).status).toBe(500);
  goOn(shared);
  await turn();
  expect([closed, shared.isConnected()]).toEqual([0, true]);
});

test.for(ways)('a scope check that never answers keeps no slot: served $way', async ({ sameSdk, reusable }) => {
  let created = 0;
  const create = () => {
    created++;
    const made = server();
    made.registerTool('guarded', { scopeChallenge: () => new Promise<never>(() => {}) }, () => ({ content: [] }));
    return made;
  };
  const { lab, gate, url } = await serve({ create, sameSdk, reusable });
  const answer = await modernCall(url, 'guarded');
  expect([answer.status, await answer.json()]).toMatchObject([500, FAILED]);
  await turn();
  expect(gate.held).toBe(0);
  expect(lab).toMatchObject({ over: 1, short: 1, released: 1 });
  expect(lab.logs).toMatchObject([
    { msg: 'Scope check failed', err: { message: 'The scope check took longer than 100 ms.' } },
  ]);
  // What still waits for its answer serves nobody else.
  expect((await modernCall(url, 'echo')).status).toBe(200);
  expect(created).toBe(2);
});

test('a scope check that answers in time, or fails, is heard as before', async () => {
  const create = () => {
    const made = server();
    const none = async () => undefined;
    made.registerTool('open', { scopeChallenge: none }, () => ({ content: [] }));
    made.registerTool('guarded', { scopeChallenge: async () => ({ scopes: ['admin'] }) }, () => ({ content: [] }));
    made.registerTool('broken', { scopeChallenge: () => Promise.reject(new Error('no')) }, () => ({ content: [] }));
    return made;
  };
  const { lab, url } = await serve({ create, sameSdk: true });
  const statuses: number[] = [];
  for (const name of ['open', 'guarded', 'broken']) statuses.push((await modernCall(url, name)).status);
  expect(statuses).toEqual([200, 403, 500]);
  expect(lab.logs).toEqual([]);
});

test.for(['its object', 'what it follows'])(
  'a listener that waits for %s as a drain ends the others is ended too',
  async (what) => {
    const { promise: told, resolve: goOn } = Promise.withResolvers<void>();
    const [made, opened] = [{ slow: false, waiting: 0 }, new AbortController()];
    const pass = async () => {
      if (!made.slow) return;
      made.waiting++;
      await told;
    };
    const create = async () => {
      if (what === 'its object') await pass();
      return server();
    };
    const source = await sourceOf(create, 'slow', import.meta.url);
    const follow = async () => {
      await pass();
      return { ended: new Promise<void>(() => {}) };
    };
    const lab = await startLab({ longestCall: '10s' }, undefined, {
      source: { ...source, ...(what === 'what it follows' && { follow }) },
    });
    onTestFinished(() => opened.abort());
    const open = events(await modernPost(lab.url, 'subscriptions/listen', LISTEN, opened.signal));
    await open.next();
    made.slow = true;
    const answering = modernPost(lab.url, 'subscriptions/listen', LISTEN, opened.signal);
    await eventually(
      () => made.waiting,
      (waiting) => waiting === 1,
    );
    const stopped = lab.stop();
    while ((await open.next()).done !== true);
    goOn();
    const answer = await answering;
    expect(answer.status).toBe(200);
    const heard: unknown[] = [];
    for await (const event of events(answer)) heard.push(messageIn(event));
    expect(heard).toMatchObject([
      { method: 'notifications/subscriptions/acknowledged' },
      { id: 1, result: { resultType: 'complete' } },
    ]);
    expect(await stopped).toMatchObject({ callsCut: 0 });
  },
);
