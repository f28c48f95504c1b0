import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { EventStream } from '../../src/server/event-stream.ts';
import { collectGarbage } from '../fixtures/collect-garbage.ts';
import { eventually, startLab } from './running.ts';
import { openSse } from './sse-client.ts';
import { unreadResponse } from './unread-response.ts';
import { events, inSession, JSON_AND_EVENTS, messageIn, openSession, post, toolCall } from './wire.ts';

const MIB = 1024 ** 2;

/** What the process holds, in the heap and beside it. */
function residentBytes(): number {
  collectGarbage();
  return process.memoryUsage.rss();
}

const registry = { add() {}, remove() {} };

/** An event stream whose reader has not read any of it, and the reader. */
async function openStream(maxBuffer = MIB) {
  const { client: reader, res } = await unreadResponse();
  const stream = new EventStream(res, { kind: 'sse', maxBuffer, registry });
  /** Reads to the end; answers what came by its first word. */
  const read = async () => {
    const chunks: Buffer[] = [];
    reader.on('data', (chunk: Buffer) => void chunks.push(chunk)).resume();
    await once(reader, 'close');
    return [
      ...Buffer.concat(chunks)
        .toString()
        .matchAll(/(?<=data: )\w+/g),
    ].map(([word]) => word);
  };
  return { stream, res, read };
}

const long = (word: string, size = 4 * MIB) => `${word} ${'x'.repeat(size)}`;

describe('a stream', () => {
  test('takes any number of answers at once, in order with what is said between them, and ends after them', async () => {
    const { stream, read } = await openStream();
    for (const word of ['one', 'two', 'three', 'four']) {
      void stream.queue(long(word));
      void stream.message(`after_${word}`);
    }
    stream.end();
    void stream.queue('too_late');
    expect(await read()).toEqual([
      'one',
      'after_one',
      'two',
      'after_two',
      'three',
      'after_three',
      'four',
      'after_four',
    ]);
  });

  test.each([8, 64])('holds once what its reader does not read, in messages of %i KiB', async (kib) => {
    const streams = await Promise.all(Array.from({ length: 10 }, () => openStream(24 * MIB)));
    const before = residentBytes();
    for (const { stream } of streams) {
      for (let i = 0; i < (10 * 1_024) / kib; i++) void stream.message(long('message', kib * 1_024));
    }
    await sleep(100);
    const unread = streams.reduce((sum, { res }) => sum + res.writableLength, 0);
    // Else the kernel's buffers are so large that this shows nothing.
    expect(unread).toBeGreaterThan(50 * MIB);
    expect(residentBytes() - before).toBeLessThan(1.5 * unread);
  });

  test('hands Node no more than its reader takes', async () => {
    const { stream, res } = await openStream();
    for (let i = 0; i < 10; i++) void stream.queue(long('answer'));
    expect(res.writableLength).toBeLessThan(5 * MIB);
  });

  test('tells of each answer when it was taken, or when the reader has gone', async () => {
    const { stream, res } = await openStream();
    const taken: string[] = [];
    const note = (word: string) => () => void taken.push(word);
    void stream.queue(long('first', 20 * MIB))?.then(note('first'));
    const second = stream.queue(long('second'))?.then(note('second'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(taken).toEqual([]);
    res.destroy();
    await second;
    expect(taken.sort()).toEqual(['first', 'second']);
  });

  test('is cut when senders that do not wait go beyond the buffer, also behind a long answer', async () => {
    const { stream, res } = await openStream();
    void stream.queue(long('answer', 20 * MIB));
    for (let sent = 0; sent < 0.4 * MIB; sent += 10_000) void stream.message('x'.repeat(10_000));
    expect(res.destroyed).toBe(false);
    for (let sent = 0; sent < MIB; sent += 10_000) void stream.message('x'.repeat(10_000));
    expect(res.destroyed).toBe(true);
  });
});

/** A server whose calls of `big` end all at once, when so many of them run, and so many milliseconds are over. */
async function largeAnswers(together: number, after = 0) {
  let ended = 0;
  const create = () => {
    const server = new McpServer({ name: 'large', version: '1' });
    const all = Promise.withResolvers<void>();
    let running = 0;
    server.registerTool('big', { inputSchema: z.object({ size: z.number() }) }, async ({ size }) => {
      if (++running === together) setTimeout(all.resolve, after);
      await all.promise;
      ended++;
      return { content: [{ type: 'text', text: 'x'.repeat(size) }] };
    });
    return server;
  };
  const lab = await startLab({ transport: 'http-compat' }, { name: 'large', version: '1', create });
  return { lab, ended: () => ended };
}

describe('large answers of HTTP+SSE that end at once', () => {
  test('all reach a reader that reads, and its session goes on', async () => {
    const { lab } = await largeAnswers(6);
    const stream = await openSse(lab.origin);
    await stream.initialize();
    const calls = [1, 2, 3, 4, 5, 6].map((id) => stream.call(toolCall(id, 'big', { size: 2_000_000 })));
    for (const answer of await Promise.all(calls)) expect(answer).toHaveProperty('result');
    await stream.call(toolCall(7, 'big', { size: 1 }));
    expect(stream.over).toBe(false);
  });

  test('are calls in flight until the reader takes them', async () => {
    const { lab, ended } = await largeAnswers(4);
    let endpoint = '';
    const reader = request(`${lab.origin}/sse`, { headers: { accept: 'text/event-stream' } });
    onTestFinished(() => void reader.destroy());
    reader.on('error', () => {}).end();
    const [response] = await once(reader, 'response');
    response.on('data', (chunk: Buffer) => {
      endpoint ||= lab.origin + /data: (\S+)/.exec(chunk.toString())?.[1];
    });
    await eventually(
      () => endpoint,
      (found) => found !== '',
    );
    response.pause();
    for (let id = 1; id <= 4; id++) await post(endpoint, toolCall(id, 'big', { size: 10 * MIB }));
    await eventually(ended, (count) => count === 4);
    expect((await lab.counts()).requestsInFlight.legacy).toBe(4);
    response.resume();
    await eventually(lab.counts, ({ requestsInFlight }) => requestsInFlight.legacy === 0);
    expect((await lab.counts()).active).toBe(1);
  });
});

test('large answers to a batch that end at once all reach a reader that reads', async () => {
  // By then it is answered with a stream.
  const { lab } = await largeAnswers(6, 2_300);
  const id = await openSession(lab.url, '2025-03-26');
  const headers = { 'mcp-session-id': id, 'mcp-protocol-version': '2025-03-26' };
  const batch = [1, 2, 3, 4, 5, 6].map((call) => toolCall(call, 'big', { size: 2_000_000 }));
  const answer = await post(lab.url, batch, headers);
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  expect((await answer.text()).match(/"result"/g)).toHaveLength(6);
});

describe('who comes back for more than the buffer', () => {
  const CHUNK = 3_000_000;

  /** A server with a log that holds more than a stream's buffer, and what lets a module speak to its session. */
  async function remembering() {
    const servers: McpServer[] = [];
    const create = () => {
      const server = new McpServer({ name: 'talker', version: '1' }, { capabilities: { logging: {} } });
      servers.push(server);
      server.registerTool('talk', { inputSchema: z.object({ count: z.number() }) }, async ({ count }, { mcpReq }) => {
        for (let i = 0; i < count; i++) {
          await mcpReq.notify({
            method: 'notifications/message',
            params: { level: 'info', data: long(`part${i}`, CHUNK) },
          });
        }
        return { content: [] };
      });
      return server;
    };
    const lab = await startLab({ maxEventLog: '16MiB' }, { name: 'talker', version: '1', create });
    const say = (data: string) =>
      servers.at(-1)?.server.notification({ method: 'notifications/message', params: { level: 'info', data } });
    return { lab, say };
  }

  const firstWord = (event: Parameters<typeof messageIn>[0]) => {
    const message = messageIn(event);
    if (message === undefined || !('method' in message)) return 'answer';
    return String(message.params?.['data']).split(' ')[0];
  };

  test('gets all of it on the standalone stream, and then what is said meanwhile', async () => {
    const { lab, say } = await remembering();
    const id = await openSession(lab.url);
    for (let i = 0; i < 4; i++) void say(long(`part${i}`, CHUNK));
    const headers = { accept: 'text/event-stream', ...inSession(id) };
    const listening = await fetch(lab.url, { headers });
    void say('meanwhile');
    const heard: unknown[] = [];
    for await (const event of events(listening)) {
      if (event.data !== '') heard.push(firstWord(event));
      if (heard.at(-1) === 'meanwhile') break;
    }
    expect(heard).toEqual(['part0', 'part1', 'part2', 'part3', 'meanwhile']);
  });

  test('gets the rest of a call that is over', async () => {
    const { lab } = await remembering();
    const id = await openSession(lab.url);
    const answer = await post(lab.url, toolCall(1, 'talk', { count: 4 }), { ...JSON_AND_EVENTS, ...inSession(id) });
    let first: string | undefined;
    const heard: unknown[] = [];
    for await (const event of events(answer)) {
      first ??= event.id;
      if (event.data !== '') heard.push(firstWord(event));
    }
    expect(heard).toEqual(['part0', 'part1', 'part2', 'part3', 'answer']);
    const again = await fetch(lab.url, {
      headers: { accept: 'text/event-stream', ...inSession(id), 'last-event-id': first ?? '' },
    });
    const resumed: unknown[] = [];
    for await (const event of events(again)) resumed.push(firstWord(event));
    expect(resumed).toEqual(heard);
  });
});
