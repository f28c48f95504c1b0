import type { ServerResponse } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startModernUpstream } from '../../fixtures/upstream/modern.ts';
import { json, type Script, startScripted } from '../../fixtures/upstream/scripted.ts';
import { events, messageIn, modernPost, type ServerEvent } from '../../server/wire.ts';
import { until } from './raw-client.ts';
import { serve } from './serving.ts';

const LISTEN = { notifications: { toolsListChanged: true } };
const NOTHING_CUT = { callsFinished: 0, callsCut: 0 };

async function startModern(window: string) {
  const upstream = await startModernUpstream();
  onTestFinished(() => upstream.stop());
  const berth = await serve(upstream.url, { drainWindow: window, longestCall: '20s' });
  await until(() => berth.source.modernProxy?.available === true);
  return { upstream, berth };
}

/** An upstream whose answers to listeners a test writes; `left`: how many of them it has lost. */
async function startByHand(answer: (res: ServerResponse) => void) {
  const seen = { left: 0, listening: 0 };
  const script: Script = ({ message }, res) => {
    if (message?.method !== 'subscriptions/listen') {
      return json(res, { jsonrpc: '2.0', id: message?.id, result: { supportedVersions: ['2026-07-28'] } });
    }
    seen.listening++;
    res.once('close', () => seen.left++);
    answer(res);
  };
  const upstream = await startScripted(script);
  onTestFinished(() => upstream.stop());
  const berth = await serve(upstream.url, { drainWindow: '0s', longestCall: '20s' });
  await until(() => berth.source.modernProxy?.available === true);
  return { berth, seen };
}

describe('a drain ends a listener of an upstream', () => {
  test('with its graceful result, and is not held up by it', async () => {
    const { berth } = await startModern('0s');
    const stream = events(await modernPost(berth.url, 'subscriptions/listen', LISTEN));
    expect(messageIn((await stream.next()).value as ServerEvent)).toMatchObject({ method: expect.any(String) });
    const begun = performance.now();
    const stopped = berth.server.stop(new AbortController().signal);
    const result = messageIn((await stream.next()).value as ServerEvent);
    expect(result).toMatchObject({ id: 1, result: { resultType: 'complete' } });
    expect((await stream.next()).done).toBe(true);
    expect(await stopped).toMatchObject(NOTHING_CUT);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });

  test('one by one over the window, with changes told up to then', async () => {
    const { upstream, berth } = await startModern('800ms');
    const ended: number[] = [];
    let told = 0;
    const opened = await Promise.all([1, 2, 3].map(() => modernPost(berth.url, 'subscriptions/listen', LISTEN)));
    const readers = opened.map(async (answer) => {
      let last: unknown;
      for await (const event of events(answer)) {
        last = messageIn(event);
        if ((last as { method?: string }).method === 'notifications/tools/list_changed') told++;
      }
      expect(last).toMatchObject({ id: 1, result: { resultType: 'complete' } });
      ended.push(performance.now());
    });
    await until(async () => /streams\{kind="listen"\} 3/.test(await (await fetch(`${berth.admin}/metrics`)).text()));
    const begun = performance.now();
    const stopped = berth.server.stop(new AbortController().signal);
    await until(() => ended.length > 0);
    const before = told;
    upstream.notify.toolsChanged();
    await until(() => told > before);
    await Promise.all(readers);
    expect(await stopped).toMatchObject(NOTHING_CUT);
    expect(Math.max(...ended) - Math.min(...ended)).toBeGreaterThan(300);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });

  test('after the event that is on its way, and without what follows that', async () => {
    let listener: ServerResponse | undefined;
    const { berth, seen } = await startByHand((res) => {
      listener = res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {"a":1}\r\n\r\ndata: {"b"');
    });
    const answer = await modernPost(berth.url, 'subscriptions/listen', LISTEN);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    const decoder = new TextDecoder();
    const read = async () => {
      const { done, value } = await reader.read();
      if (!done) text += decoder.decode(value);
      return done;
    };
    while (!text.endsWith('"b"')) await read();
    const stopped = berth.server.stop(new AbortController().signal);
    await until(async () => (await fetch(`${berth.admin}/health-check`)).status === 503);
    listener?.write(':2}\r\n');
    listener?.write('\r\ndata: {"c":3}\r\n\r\n');
    while (!(await read()));
    expect(text).toMatch(/^data: {"a":1}\r\n\r\ndata: {"b":2}\r\n\r\nevent: message\ndata: {.*"id":1,.*}\n\n$/);
    expect(await stopped).toMatchObject(NOTHING_CUT);
    await until(() => seen.left === 1);
  });

  test('in the middle of an event that does not end', async () => {
    const { berth, seen } = await startByHand((res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\nd');
    });
    const answer = await modernPost(berth.url, 'subscriptions/listen', LISTEN);
    const text = answer.text();
    expect(await berth.server.stop(new AbortController().signal)).toMatchObject(NOTHING_CUT);
    expect(await text).toBe('data: {}\n\nd');
    await until(() => seen.left === 1);
  });

  test('that has no answer yet with 503', async () => {
    const { berth, seen } = await startByHand(() => {});
    const answer = modernPost(berth.url, 'subscriptions/listen', LISTEN);
    await until(() => seen.listening === 1);
    expect(await berth.server.stop(new AbortController().signal)).toMatchObject(NOTHING_CUT);
    expect((await answer).status).toBe(503);
    expect(await (await answer).json()).toMatchObject({ id: 1, error: { data: { reason: 'draining' } } });
    await until(() => seen.left === 1);
  });
});

test('a listener that the upstream breaks off breaks for its client', async () => {
  const { berth } = await startByHand((res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n');
    setTimeout(() => res.destroy(), 20);
  });
  const answer = await modernPost(berth.url, 'subscriptions/listen', LISTEN);
  await expect(answer.text()).rejects.toThrow();
});

test('a listener that the upstream refuses is refused in its words', async () => {
  const { berth } = await startByHand((res) => json(res, { error: 'no' }, 418));
  const answer = await modernPost(berth.url, 'subscriptions/listen', LISTEN);
  expect([answer.status, await answer.json()]).toEqual([418, { error: 'no' }]);
});
