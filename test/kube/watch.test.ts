import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { httpConnection } from '../../src/kube/connection.ts';
import { kinds } from '../../src/kube/kinds.ts';
import { KubeApi, type WatchEvent } from '../../src/kube/kube-api.ts';
import { KubeError } from '../../src/kube/kube-error.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { watchEvents } from '../../src/kube/watch-stream.ts';
import { FakeKubeApi } from '../fixtures/fake-kube-api/fake-kube-api.ts';
import { playServer } from './played-server.ts';

const pod = (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'team', labels },
});

describe('a watch', () => {
  let fake: FakeKubeApi;
  let api: KubeApi;
  let leave: AbortController;
  let running: Promise<unknown>[];

  beforeEach(async () => {
    fake = await FakeKubeApi.start({ bookmarkMs: 50 });
    api = fake.api();
    leave = new AbortController();
    running = [];
  });
  afterEach(async () => {
    leave.abort();
    await Promise.allSettled(running);
    await fake.stop();
  });

  /** Watches pods and notes what it is told. */
  function follow(resourceVersion: string, options: object = {}, client = api) {
    const events: WatchEvent[] = [];
    const ended = (async () => {
      const watching = client.watch(kinds.pod, { resourceVersion, signal: leave.signal, ...options });
      for await (const event of watching) events.push(event);
    })();
    running.push(ended);
    const told = () =>
      events.flatMap((event) => (event.type === 'BOOKMARK' ? [] : `${event.type} ${event.object.metadata.name}`));
    return { events, told, ended };
  }

  test('tells what happened since the resource version and what happens, in order', async () => {
    fake.put(pod('before'));
    const { resourceVersion } = await api.list(kinds.pod);
    fake.put(pod('a'));
    const { told } = follow(resourceVersion);
    await expect.poll(told).toEqual(['ADDED a']);
    fake.put(pod('a', { changed: 'yes' }));
    fake.remove(kinds.pod, 'team', 'a');
    await expect.poll(told).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  test('tells of what a selector selects only, and of what leaves the selection as deleted', async () => {
    const { resourceVersion } = await api.list(kinds.pod);
    const { told } = follow(resourceVersion, { labelSelector: 'app=x', namespace: 'team' });
    fake.put(pod('a', { app: 'x' }));
    fake.put(pod('b', { app: 'y' }));
    fake.put(pod('a', { app: 'y' }));
    fake.put(pod('b', { app: 'x' }));
    await expect.poll(told).toEqual(['ADDED a', 'DELETED a', 'ADDED b']);
  });

  test('is asked for bookmarks, which say how far it is though nothing happens', async () => {
    const { resourceVersion } = await api.list(kinds.pod);
    const { events } = follow(resourceVersion);
    fake.put({ ...pod('a'), apiVersion: 'v1', kind: 'ConfigMap' });
    const version = fake.get(kinds.configMap, 'team', 'a')?.metadata.resourceVersion;
    await expect.poll(() => events).toContainEqual({ type: 'BOOKMARK', resourceVersion: version });
  });

  test('from a resource version that is too old is an error 410', async () => {
    const { resourceVersion } = await api.list(kinds.pod);
    fake.expireResourceVersions();
    await expect(follow(resourceVersion).ended).rejects.toMatchObject({ status: 410, reason: 'Expired' });
  });

  test('that the server ends just ends; one that breaks is an error', async () => {
    const { resourceVersion } = await api.list(kinds.pod);
    const ending = follow(resourceVersion);
    await expect.poll(() => fake.watches(kinds.pod)).toBe(1);
    fake.dropWatches({ gracefully: true });
    await ending.ended;
    const breaking = follow(resourceVersion);
    await expect.poll(() => fake.watches(kinds.pod)).toBe(1);
    fake.dropWatches();
    await expect(breaking.ended).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
  });

  test('ends quietly when whoever wants it leaves, and the server sees it go', async () => {
    const { resourceVersion } = await api.list(kinds.pod);
    const { ended } = follow(resourceVersion);
    await expect.poll(() => fake.watches(kinds.pod)).toBe(1);
    leave.abort();
    await ended;
    await expect.poll(() => fake.watches(kinds.pod)).toBe(0);
  });

  test('ends when its reader stops reading', async () => {
    const { resourceVersion } = await api.list(kinds.pod);
    fake.put(pod('a'));
    for await (const _ of api.watch(kinds.pod, { resourceVersion, signal: leave.signal })) break;
    await expect.poll(() => fake.watches(kinds.pod)).toBe(0);
  });

  test('that is refused says why', async () => {
    fake.failNext('watch pods', 403);
    await expect(follow('1').ended).rejects.toMatchObject({ status: 403, reason: 'Forbidden' });
  });

  test('with something in it that is no event is an error', async () => {
    const { resourceVersion } = await api.list(kinds.pod);
    const { ended } = follow(resourceVersion);
    await expect.poll(() => fake.watches(kinds.pod)).toBe(1);
    fake.garbleWatches();
    await expect(ended).rejects.toMatchObject({ status: 0, reason: 'Garbled' });
  });

  test('lasts for four to five minutes by the server, not always the same, and is cut when the server lets it go on', async () => {
    const asked: URLSearchParams[] = [];
    const server = await playServer((request, response) => {
      asked.push(new URL(request.url ?? '', 'http://any').searchParams);
      response.writeHead(200).flushHeaders();
      if (asked.length <= 20) response.end();
    });
    const usual = new KubeApi({ connection: httpConnection(server.url) });
    const short = new KubeApi({ connection: httpConnection(server.url), watchSeconds: [0, 0], watchGraceMs: 100 });
    try {
      for (let watch = 0; watch < 20; watch++) await follow('7', {}, usual).ended;
      const seconds = asked.map((query) => Number(query.get('timeoutSeconds')));
      expect(Math.min(...seconds)).toBeGreaterThanOrEqual(240);
      expect(Math.max(...seconds)).toBeLessThanOrEqual(300);
      expect(new Set(seconds).size).toBeGreaterThan(3);
      expect(asked[0]?.get('allowWatchBookmarks')).toBe('true');
      expect(asked[0]?.get('resourceVersion')).toBe('7');
      await expect(follow('7', {}, short).ended).rejects.toMatchObject({
        status: 0,
        reason: 'TimedOut',
        message: 'WATCH /api/v1/pods: the server did not end it after 0 s',
      });
    } finally {
      usual.close();
      short.close();
      await server.close();
    }
  });

  test('does not wait for ever for a server that does not answer', async () => {
    const client = fake.api({ connection: httpConnection(fake.url, { requestTimeoutMs: 50 }) });
    fake.failNext('watch pods', 'hang');
    await expect(follow('1', {}, client).ended).rejects.toMatchObject({ reason: 'TimedOut' });
  });
});

describe('reading events', () => {
  async function read(...chunks: (string | Buffer)[]): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    async function* body() {
      for (const chunk of chunks) yield Buffer.from(chunk);
    }
    for await (const event of watchEvents(body(), 'WATCH /x')) events.push(event);
    return events;
  }

  test('events come out whole wherever the stream was cut', async () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 });
    const events = fc.array(fc.tuple(fc.constantFrom('ADDED' as const, 'DELETED' as const), name));
    await fc.assert(
      fc.asyncProperty(events, fc.array(fc.nat()), async (sent, cuts) => {
        const written = sent.map(([type, label]) => ({
          type,
          object: { metadata: { name: label, resourceVersion: '1' } },
        }));
        const bytes = Buffer.from(written.map((event) => `${JSON.stringify(event)}\n`).join(''));
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        expect(await read(...chunks)).toEqual(written);
      }),
    );
  });

  const object: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', resourceVersion: '7' } };

  test('an event without a line end at the end counts', async () => {
    expect(await read(JSON.stringify({ type: 'ADDED', object }))).toEqual([{ type: 'ADDED', object }]);
  });

  test.for([
    ['no JSON', '{"type":\n'],
    ['null', 'null\n'],
    ['a number', '7\n'],
    ['an unknown type', '{"type":"MOVED","object":{"metadata":{"name":"a","resourceVersion":"1"}}}\n'],
    ['no object', '{"type":"ADDED"}\n'],
    ['an object without a name', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}\n'],
    ['a bookmark without a version', '{"type":"BOOKMARK","object":{"metadata":{}}}\n'],
    ['the beginning of an event', '{"type":"ADDED","object":{"metad'],
  ])('%s is garbled, and says what it was', async ([, line]) => {
    const error = await read(line ?? '').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KubeError);
    expect(error).toMatchObject({ status: 0, reason: 'Garbled' });
    expect((error as KubeError).message).toContain((line ?? '').trim().slice(0, 20));
  });

  test('an error event is its error', async () => {
    const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: 1 (2)' };
    await expect(read(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)).rejects.toMatchObject({
      status: 410,
      reason: 'Expired',
      message: 'WATCH /x: the API server ended the watch with 410 Expired: too old resource version: 1 (2)',
    });
  });
});
