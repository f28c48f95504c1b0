import { getEventListeners } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Connection, type HttpConnectionOptions, httpConnection } from '../../src/kube/connection.ts';
import { playServer } from './played-server.ts';
import { selfSigned } from './self-signed.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function play(...args: Parameters<typeof playServer>) {
  const server = await playServer(...args);
  closing.push(() => server.close());
  return server;
}

function connectTo(url: string, options: HttpConnectionOptions = {}): Connection {
  const connection = httpConnection(url, options);
  closing.push(() => connection.close());
  return connection;
}

const get = { method: 'GET', path: '/api/v1/pods' };

describe('sockets', () => {
  test('many requests after each other share one socket, with TLS as well', async () => {
    const identity = await selfSigned('server');
    const server = await play((_, response) => response.end('{}'), identity);
    const connection = connectTo(server.url, { credentials: async () => ({ ca: identity.cert }) });
    for (let request = 0; request < 20; request++) await connection.request(get);
    expect(server.sockets).toBe(1);
  });

  test('a socket that the server has closed while it was idle costs no failure', async () => {
    // Answers once on each socket, and closes it when the second request has arrived.
    const asked = new WeakMap<Socket, number>();
    const server = await play((request, response) => {
      const count = (asked.get(request.socket) ?? 0) + 1;
      asked.set(request.socket, count);
      if (count === 1) response.end('{}');
      else request.socket.destroy();
    });
    const connection = connectTo(server.url);
    await connection.request(get);
    expect(await connection.request(get)).toMatchObject({ status: 200 });
    await expect(connection.request({ ...get, method: 'POST', body: '{}' })).rejects.toMatchObject({
      status: 0,
      reason: 'Unreachable',
    });
  });
});

describe('credentials', () => {
  test('are asked for with each request, so that a token that was renewed is sent', async () => {
    const server = await play((request, response) => response.end(request.headers.authorization));
    let token = 1;
    const connection = connectTo(server.url, {
      credentials: async () => ({ headers: { authorization: `Bearer ${token++}` } }),
    });
    expect((await connection.request(get)).body).toBe('Bearer 1');
    expect((await connection.request(get)).body).toBe('Bearer 2');
    expect(server.sockets).toBe(1);
  });

  test('a new client certificate is shown from the next request on', async () => {
    const [identity, one, two] = await Promise.all([selfSigned('server'), selfSigned('one'), selfSigned('two')]);
    const tls = { ...identity, requestCert: true, rejectUnauthorized: false };
    const server = await play((request, response) => {
      const socket = request.socket as unknown as { getPeerCertificate(): { subject: { CN: string } } };
      response.end(socket.getPeerCertificate().subject.CN);
    }, tls);
    let current = one;
    const connection = connectTo(server.url, { credentials: async () => ({ ca: identity.cert, ...current }) });
    expect((await connection.request(get)).body).toBe('one');
    current = two;
    expect((await connection.request(get)).body).toBe('two');
  });

  test('a server whose certificate nobody vouches for is not talked to', async () => {
    const [identity, other] = await Promise.all([selfSigned('server'), selfSigned('other')]);
    let asked = 0;
    const server = await play((_, response) => void response.end(`${asked++}`), identity);
    const connection = connectTo(server.url, { credentials: async () => ({ ca: other.cert }) });
    await expect(connection.request(get)).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
    expect(asked).toBe(0);
  });

  test('that never come do not keep a request for ever', async () => {
    const server = await play((_, response) => response.end());
    const connection = connectTo(server.url, { credentials: () => new Promise(() => {}), requestTimeoutMs: 50 });
    await expect(connection.request(get)).rejects.toMatchObject({ reason: 'TimedOut' });
  });
});

describe('answers that do not come', () => {
  test('nobody listens', async () => {
    const server = await playServer(() => {});
    await server.close();
    await expect(connectTo(server.url).request(get)).rejects.toMatchObject({
      name: 'KubeError',
      status: 0,
      reason: 'Unreachable',
      message: `GET /api/v1/pods: connect ECONNREFUSED 127.0.0.1:${server.port}`,
      cause: { code: 'ECONNREFUSED' },
    });
  });

  test('a server that says nothing, or does not come to an end, is given up', async () => {
    const server = await play((request, response) => {
      if (request.url === '/half') response.write('{"items":[');
    });
    const connection = connectTo(server.url, { requestTimeoutMs: 100 });
    for (const path of ['/silent', '/half']) {
      await expect(connection.request({ ...get, path })).rejects.toMatchObject({
        status: 0,
        reason: 'TimedOut',
        message: `GET ${path}: no answer within 0.1 s`,
      });
    }
  });

  test('a connection that breaks in the middle of an answer is an error', async () => {
    const server = await play((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"items":[');
      setImmediate(() => response.destroy());
    });
    await expect(connectTo(server.url).request(get)).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
  });

  test('whoever goes away gets their own reason, and the socket is closed', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const server = await play((request) => {
      request.socket.once('close', () => resolve());
      arrive();
    });
    const leave = new AbortController();
    const answer = connectTo(server.url).request({ ...get, signal: leave.signal });
    await arrived;
    leave.abort(new Error('we left'));
    await expect(answer).rejects.toThrow('we left');
    await closed;
  });
});

test('a signal that outlives many requests is left without listeners', async () => {
  const server = await play((_, response) => response.end('{}'));
  const connection = connectTo(server.url);
  const { signal } = new AbortController();
  for (let request = 0; request < 20; request++) {
    await connection.request({ ...get, signal });
    const { body } = await connection.open({ ...get, signal });
    for await (const _ of body) break;
  }
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('an answer that is too long is not read to its end', async () => {
  let written = 0;
  const server = await play((_, response) => {
    const write = () => {
      while (!response.destroyed && written < 100_000_000) {
        written += 65_536;
        if (!response.write(Buffer.alloc(65_536))) return void response.once('drain', write);
      }
    };
    write();
  });
  await expect(connectTo(server.url, { maxBodyBytes: 200_000 }).request(get)).rejects.toMatchObject({
    status: 0,
    reason: 'TooLarge',
    message: 'GET /api/v1/pods: the answer is longer than 200000 bytes',
  });
  expect(written).toBeLessThan(50_000_000);
});

test('a path in the URL goes before that of each request', async () => {
  const server = await play((request, response) => response.end(request.url));
  const connection = connectTo(`${server.url}/k8s/clusters/c-1/`);
  expect((await connection.request({ ...get, path: '/api/v1/pods?limit=1' })).body).toBe(
    '/k8s/clusters/c-1/api/v1/pods?limit=1',
  );
});

test('an answer that stays open outlives the timeout, and is closed by whoever stops to read it', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const server = await play((request, response) => {
    request.socket.once('close', () => resolve());
    response.write('one');
    setTimeout(() => response.write('two'), 150);
  });
  const { body } = await connectTo(server.url, { requestTimeoutMs: 50 }).open(get);
  const read: string[] = [];
  for await (const chunk of body) {
    read.push(chunk.toString());
    if (read.length === 2) break;
  }
  expect(read).toEqual(['one', 'two']);
  await closed;
});
