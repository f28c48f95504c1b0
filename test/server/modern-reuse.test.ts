import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { EndReason, ServerSession } from '../../src/sources/define-server.ts';
import { sourceOf } from '../../src/sources/load-module.ts';
import { modernModule } from './modern-module.ts';
import { wireRequest } from './modern-requests.ts';
import { eventually, startLab } from './running.ts';
import { events, messageIn, post } from './wire.ts';

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const CLIENT = 'io.modelcontextprotocol/clientInfo';
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';

/** A module whose server objects may be used again, with tools that misuse them in every way that comes to mind. */
async function startReusing(sameSdk = true) {
  const notes = { created: 0, ended: [] as EndReason[], late: [] as string[] };
  const create = (session: ServerSession) => {
    notes.created++;
    session.onEnd((reason) => notes.ended.push(reason));
    const server = new McpServer({ name: 'reused', version: '1' }, { capabilities: { logging: {} } });
    const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value) }] });
    server.registerTool('object', {}, () => {
      session.state['calls'] = Number(session.state['calls'] ?? 0) + 1;
      return text([session.id ?? 'no id', session.state['calls']]);
    });
    server.registerTool('wait', { inputSchema: z.object({ ms: z.number() }) }, async ({ ms }) => {
      await sleep(ms);
      return text('waited');
    });
    // Goes on after its answer, as the handlers of other clients run.
    server.registerTool('linger', { inputSchema: z.object({ ms: z.number() }) }, ({ ms }, { mcpReq }) => {
      const notification = { method: 'notifications/message', params: { level: 'info', data: 'late' } } as const;
      void sleep(ms)
        .then(() => mcpReq.notify(notification))
        .then(
          () => notes.late.push('sent'),
          (error: unknown) => notes.late.push(String(error)),
        );
      mcpReq.signal.addEventListener('abort', () => notes.late.push('told'));
      return text('answered');
    });
    server.registerTool('deaf', {}, () => {
      server.server.onclose = () => {};
      return text('changed');
    });
    return server;
  };
  const source = await sourceOf({ name: 'reused', version: '1', create, reusable: true }, 'reused', import.meta.url);
  const definition = { ...source.definition, sameSdk };
  const lab = await startLab({}, undefined, { source: { ...source, definition } });
  // One was made to look at.
  notes.created = 0;
  const call = (name: string, args = {}, signal?: AbortSignal) => {
    const { headers, body } = wireRequest('tools/call', { name, arguments: args });
    return post(lab.url, body, headers, signal);
  };
  return { lab, notes, call };
}

const textIn = (answer: unknown): unknown =>
  JSON.parse((answer as { result: { content: [{ text: string }] } }).result.content[0].text);

test('one server object serves request after request', async () => {
  const { notes, call } = await startReusing();
  for (let i = 1; i <= 20; i++) expect(textIn(await (await call('object')).json())).toEqual(['no id', i]);
  expect(notes).toMatchObject({ created: 1, ended: [] });
});

test('requests at the same time are served by an object each, and all are used again', async () => {
  const { notes, call } = await startReusing();
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('wait', { ms: 100 })));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
  }
  expect(notes).toMatchObject({ created: 10, ended: [] });
});

test('without the word of its module no object is used twice', async () => {
  const { create, notes } = modernModule();
  const lab = await startLab({}, { name: 'modern', version: '1', create });
  notes.created = 0;
  const { headers, body } = wireRequest('tools/call', { name: 'bare' });
  for (let i = 0; i < 3; i++) await post(lab.url, body, headers);
  expect(notes.created).toBe(3);
});

test('nothing that one client says of itself is there for the next', async () => {
  const { create, notes } = modernModule();
  const lab = await startLab({}, { name: 'modern', version: '1', create, reusable: true });
  notes.created = 0;
  const ada = { [CLIENT]: { name: 'Ada', version: '7' }, [CAPABILITIES]: { elicitation: { form: {} } } };
  const whoever = { [CLIENT]: undefined, progressToken: 'token' };
  const whoami = async (meta: object, headers = {}) => {
    const request = wireRequest('tools/call', { name: 'whoami' }, 1, meta as Record<string, unknown>, headers);
    return textIn(await (await post(lab.url, request.body, request.headers)).json());
  };
  for (let round = 0; round < 3; round++) {
    expect(await whoami(ada, { 'user-agent': 'Ada' })).toMatchObject({
      version: { name: 'Ada' },
      capabilities: { elicitation: { form: {} } },
      agent: 'Ada',
    });
    const unknown = await whoami(whoever, { 'user-agent': 'somebody' });
    expect(unknown).toMatchObject({ capabilities: {}, meta: { progressToken: 'token' }, agent: 'somebody' });
    expect(unknown).not.toHaveProperty('version');
  }
  expect(notes.created).toBe(1);
});

test('what one client may be asked, and has been told in a state, is of no use to the next', async () => {
  const { create, notes } = modernModule();
  const lab = await startLab({}, { name: 'modern', version: '1', create, reusable: true });
  notes.created = 0;
  const ask = async (meta: Readonly<Record<string, unknown>>, more: object = {}) => {
    const request = wireRequest('tools/call', { name: 'ask', arguments: { question: 'who?' }, ...more }, 1, meta);
    return await (await post(lab.url, request.body, request.headers)).json();
  };
  const able = { [CAPABILITIES]: { elicitation: { form: {} } } };
  for (let round = 0; round < 3; round++) {
    expect(await ask(able)).toMatchObject({ result: { resultType: 'input_required', requestState: 'round 1' } });
    expect(await ask({})).toMatchObject({ error: { code: -32021 } });
    const again = { requestState: 'round 1', inputResponses: { name: { action: 'decline' } } };
    expect(textIn(await ask(able, again))).toMatchObject({ state: { round: 1 } });
    expect(await ask({})).toMatchObject({ error: { code: -32021 } });
  }
  expect(notes.created).toBe(1);
});

test('a log level and a progress token are those of one request', async () => {
  const { create, notes } = modernModule();
  const lab = await startLab({}, { name: 'modern', version: '1', create, reusable: true });
  notes.created = 0;
  const talk = async (meta: Readonly<Record<string, unknown>>) => {
    const request = wireRequest('tools/call', { name: 'talk', arguments: { count: 1 } }, 1, meta);
    const response = await post(lab.url, request.body, request.headers);
    if (response.headers.get('content-type') === 'application/json') return 'quiet';
    const methods: unknown[] = [];
    for await (const event of events(response)) methods.push((messageIn(event) as { method?: string }).method);
    return methods;
  };
  const [message, progress] = ['notifications/message', 'notifications/progress'];
  for (let round = 0; round < 3; round++) {
    expect(await talk({ [LOG_LEVEL]: 'debug', progressToken: 1 })).toEqual([progress, message, message, undefined]);
    expect(await talk({})).toBe('quiet');
    expect(await talk({ [LOG_LEVEL]: 'error' })).toBe('quiet');
    expect(await talk({ progressToken: 2 })).toEqual([progress, undefined]);
  }
  expect(notes.created).toBe(1);
});

test.for([true, false])('what a handler says after its answer reaches nobody (same SDK: %s)', async (sameSdk) => {
  const { notes, call } = await startReusing(sameSdk);
  await (await call('linger', { ms: 100 })).json();
  // With the same id.
  const next = await call('wait', { ms: 300 });
  expect(next.headers.get('content-type')).toBe('application/json');
  expect(await next.text()).not.toContain('late');
  expect(notes.late).toEqual(['told', expect.stringContaining('Not connected')]);
  expect(notes.created).toBe(1);
});

test.for([true, false])('an object whose client left is never used again (same SDK: %s)', async (sameSdk) => {
  const { lab, notes, call } = await startReusing(sameSdk);
  const leave = new AbortController();
  const left = call('wait', { ms: 500 }, leave.signal).catch(() => 'left');
  await eventually(lab.counts, ({ active }) => active === 1);
  leave.abort();
  expect(await left).toBe('left');
  expect(textIn(await (await call('object')).json())).toEqual(['no id', 1]);
  expect(notes.created).toBe(2);
  await eventually(
    () => notes.ended,
    (ended) => ended.length === 1,
  );
  expect(textIn(await (await call('object')).json())).toEqual(['no id', 2]);
});

test('an object that a handler has changed the end of is dropped', async () => {
  const { notes, call } = await startReusing();
  await call('deaf');
  await call('object');
  expect(notes).toMatchObject({ created: 2, ended: ['closed'] });
});

test('an object that throws as it is closed costs nobody an answer, and is dropped', async () => {
  let created = 0;
  const create = () => {
    created++;
    const server = new McpServer({ name: 'touchy', version: '1' });
    server.registerTool('bare', {}, () => ({ content: [] }));
    server.server.onclose = () => {
      throw new Error('not again');
    };
    return server;
  };
  const lab = await startLab({}, { name: 'touchy', version: '1', create, reusable: true });
  created = 0;
  const { headers, body } = wireRequest('tools/call', { name: 'bare' });
  for (let i = 0; i < 3; i++) expect((await post(lab.url, body, headers)).status).toBe(200);
  expect(created).toBe(3);
  expect((await lab.counts()).active).toBe(0);
});

test('what is idle is dropped in a drain', async () => {
  const { lab, notes, call } = await startReusing();
  await call('object');
  // Its server object is its own, and its end is that of the stream.
  const { headers, body } = wireRequest('subscriptions/listen', { notifications: { toolsListChanged: true } });
  const listener = await post(lab.url, body, headers);
  expect([listener.status, notes.created, notes.ended]).toEqual([200, 2, []]);
  await lab.stop();
  expect(notes.ended).toEqual(['closed', 'closed']);
  await listener.text();
});
