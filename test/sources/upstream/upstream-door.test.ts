import { getEventListeners } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { UpstreamDoor, type UpstreamRequest } from '../../../src/sources/upstream/upstream-door.ts';
import { UpstreamError } from '../../../src/sources/upstream/upstream-error.ts';
import { json, type Script, startScripted } from '../../fixtures/upstream/scripted.ts';
import { until } from './raw-client.ts';

async function open(script: Script) {
  const upstream = await startScripted(script);
  const heard: string[] = [];
  const door = new UpstreamDoor({
    url: new URL(upstream.url),
    reached: () => heard.push('reached'),
    unreachable: () => heard.push('unreachable'),
  });
  onTestFinished(async () => {
    door.close();
    await upstream.stop().catch(() => {});
  });
  const ask = (request: Partial<UpstreamRequest> = {}) =>
    door.send({
      method: 'POST',
      headers: {},
      body: '{}',
      signal: new AbortController().signal,
      repeatable: false,
      ...request,
    });
  const read = async (request?: Partial<UpstreamRequest>) => {
    const answer = await ask(request);
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return { status: answer.statusCode, text: Buffer.concat(chunks).toString() };
  };
  return { upstream, door, heard, ask, read };
}

test('one request after the other uses one connection', async () => {
  const ports = new Set<number | undefined>();
  const { read } = await open((_, res, req) => {
    ports.add(req.socket.remotePort);
    json(res, {});
  });
  for (let i = 0; i < 20; i++) expect(await read()).toEqual({ status: 200, text: '{}' });
  expect(ports.size).toBe(1);
});

test('an answer may take longer than a connection may be idle', async () => {
  const { read } = await open((_, res) => void setTimeout(() => json(res, 'late'), 4_500));
  expect(await read()).toEqual({ status: 200, text: '"late"' });
});

describe('an abort', () => {
  test('before, while it waits for an answer, and while the answer is read, ends the request', async () => {
    const { upstream, ask } = await open((_, res) => void res.writeHead(200).write('begun'));
    const gone = new AbortController();
    gone.abort(new Error('before'));
    await expect(ask({ signal: gone.signal })).rejects.toThrow('before');
    expect(upstream.seen).toEqual([]);
    const reading = new AbortController();
    const answer = await ask({ signal: reading.signal });
    reading.abort();
    await expect(answer.toArray()).rejects.toThrow('given up');
    upstream.script(() => {});
    const waiting = new AbortController();
    const asked = ask({ signal: waiting.signal });
    await until(() => upstream.seen.length === 2);
    waiting.abort(new Error('while it waits'));
    await expect(asked).rejects.toThrow('while it waits');
    await until(async () => (await upstream.openSockets()) === 0);
  });

  test('is not listened for any longer than the request takes, and does no harm after it', async () => {
    const { read } = await open((_, res) => json(res, {}));
    const gone = new AbortController();
    const { signal } = gone;
    for (let i = 0; i < 5; i++) await read({ signal });
    await until(() => getEventListeners(signal, 'abort').length === 0);
    await read({ signal });
    gone.abort();
    expect(await read()).toEqual({ status: 200, text: '{}' });
  });
});

describe('what failed is told apart', () => {
  test('not reached: nothing was sent', async () => {
    const { upstream, ask, heard } = await open(() => {});
    await upstream.stop();
    const error = await ask().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UpstreamError);
    expect(error).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('ECONNREFUSED') });
    expect(heard).toEqual(['unreachable']);
  });

  test('broken: it may have been read', async () => {
    const { ask, heard } = await open((_, __, req) => void req.socket.destroy());
    expect(await ask().catch((reason: unknown) => reason)).toMatchObject({ kind: 'broken' });
    expect(heard).toEqual([]);
  });

  test('a name that there is not', async () => {
    const door = new UpstreamDoor({ url: new URL('http://nobody.invalid/mcp'), reached() {}, unreachable() {} });
    onTestFinished(() => door.close());
    const { signal } = new AbortController();
    const asked = door.send({ method: 'GET', headers: {}, signal, repeatable: true });
    await expect(asked).rejects.toMatchObject({ kind: 'unreachable' });
  });
});

test('a redirection to another origin is not followed', async () => {
  const { upstream, read } = await open(
    (_, res) => void res.writeHead(307, { location: 'http://elsewhere.invalid/mcp' }).end(),
  );
  expect(await read()).toMatchObject({ status: 307 });
  expect(upstream.seen).toHaveLength(1);
});

test('a redirection that leads nowhere new ends', async () => {
  let n = 0;
  const { upstream, read } = await open((_, res) => void res.writeHead(308, { location: `/mcp/${n++}` }).end());
  expect(await read()).toMatchObject({ status: 308 });
  expect(upstream.seen).toHaveLength(2);
});

test('requests that are redirected at the same time are all followed', async () => {
  const waiting: (() => void)[] = [];
  const { read } = await open(({ path }, res) => {
    if (path !== '/mcp') return json(res, path);
    waiting.push(() => res.writeHead(307, { location: '/mcp/' }).end());
    if (waiting.length === 3) for (const redirect of waiting) redirect();
  });
  const answers = await Promise.all([read(), read(), read()]);
  expect(answers).toEqual(Array(3).fill({ status: 200, text: '"/mcp/"' }));
});

test('a redirection that is for one request moves no other', async () => {
  const { read } = await open(({ path, headers }, res) => {
    if (path === '/mcp' && headers['x-tenant'] === 'blue') res.writeHead(307, { location: '/blue' }).end();
    else json(res, path);
  });
  expect(await read({ headers: { 'x-tenant': 'blue' } })).toMatchObject({ text: '"/blue"' });
  expect(await read()).toMatchObject({ text: '"/mcp"' });
});

test('a redirection that is permanent is asked for once', async () => {
  const { upstream, read } = await open(({ path }, res) => {
    if (path === '/mcp') res.writeHead(308, { location: '/new' }).end();
    else json(res, path);
  });
  for (let i = 0; i < 3; i++) expect(await read()).toMatchObject({ text: '"/new"' });
  expect(upstream.seen.map(({ path }) => path)).toEqual(['/mcp', '/new', '/new', '/new']);
});

test('an answer that changes the protocol is none', async () => {
  const { ask } = await open((_, __, req) => {
    req.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
  });
  expect(await ask().catch((reason: unknown) => reason)).toMatchObject({ kind: 'broken' });
});

test('close waits for the goodbyes, but not for ever', async () => {
  let said = 0;
  const { door, upstream } = await open((_, res) => {
    said++;
    setTimeout(() => json(res, {}), 20);
  });
  for (let i = 0; i < 100; i++) void door.sayGoodbye({});
  await door.close();
  expect(said).toBe(100);
  upstream.script(() => {});
  for (let i = 0; i < 100; i++) void door.sayGoodbye({});
  const before = performance.now();
  await door.close();
  expect(performance.now() - before).toBeLessThan(4_000);
});

test('few sessions that nobody wants any more are waited for at once, and none at the end', async () => {
  const { door } = await open(() => {});
  let cut = 0;
  for (let i = 0; i < 40; i++) {
    const opening = Promise.withResolvers<void>();
    door.expectGoodbye(opening.promise, () => {
      cut++;
      opening.resolve();
    });
  }
  expect(cut).toBe(8);
  await door.close();
  expect(cut).toBe(40);
});
