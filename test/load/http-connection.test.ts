import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { HttpConnection, type HttpConnectionOptions } from '../../src/load/http-connection.ts';
import { RequestEncoder } from '../../src/load/requests.ts';
import { selfSigned } from '../kube/self-signed.ts';
import { eventually } from '../server/running.ts';
import { jsonResponse, type PlayedServer, playServer } from './played-server.ts';

const GET = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const ID = 1_000_000_007;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const silent = {
  onOpen() {},
  onBytes() {},
  onEvent() {},
  onEnd() {},
};

function dial({ url }: Pick<PlayedServer, 'url'>, options: Partial<HttpConnectionOptions> = {}): HttpConnection {
  const connection = new HttpConnection(url, { timeout: 5_000, ...options });
  onTestFinished(() => connection.close());
  return connection;
}

test.for([
  { what: 'a Content-Length', response: jsonResponse('{"a":1}') },
  {
    what: 'chunks',
    response: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{"a\r\n4\r\n":1}\r\n0\r\nTrailer: t\r\n\r\n`,
  },
  { what: 'something before it', response: `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${jsonResponse('{"a":1}')}` },
])('an answer with $what is read, also when it comes byte by byte', async ({ response }) => {
  const server = await playServer(async (socket, _, nth) => {
    if (nth === 1) return void socket.write(response);
    for (const byte of response) {
      socket.write(byte);
      await new Promise(setImmediate);
    }
  });
  const connection = dial(server);
  for (let i = 0; i < 2; i++) expect(await connection.send(GET)).toMatchObject({ status: 200, body: '{"a":1}' });
  expect(server.connections).toHaveLength(1);
});

test.for([
  { what: 'Connection: close', response: jsonResponse('ok', 'Connection: close\r\n'), ends: false },
  { what: 'no length but the end', response: 'HTTP/1.1 200 OK\r\n\r\nok', ends: true },
  { what: 'HTTP/1.0', response: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', ends: false },
])('after an answer with $what the next request connects again', async ({ response, ends }) => {
  const server = await playServer((socket) => void (ends ? socket.end(response) : socket.write(response)));
  const connection = dial(server);
  for (let i = 0; i < 3; i++) expect((await connection.send(GET)).body).toBe('ok');
  expect(server.connections).toHaveLength(3);
});

test('a stream answers with the event that has the result, after a priming event and a notification', async () => {
  const result = `{"jsonrpc":"2.0","id":${ID},"result":{}}`;
  const server = await playServer((socket) => {
    socket.write(EVENTS + chunk('id: 1\ndata: \n\n'));
    socket.write(chunk(`data: {"jsonrpc":"2.0","method":"notifications/x","params":{"requestId":${ID}}}\n\n`));
    socket.write(chunk(`event: message\ndata: ${result}\n\n`));
    // The end of the stream comes a little after its last event.
    setTimeout(() => socket.write('0\r\n\r\n'), 20);
  });
  const connection = dial(server);
  for (let i = 0; i < 3; i++) expect((await connection.send(GET, ID)).body).toBe(result);
  expect(server.connections).toHaveLength(1);
});

test('a stream that goes on after its answer loses the connection to the next request', async () => {
  const result = `{"jsonrpc":"2.0","id":${ID},"result":{}}`;
  const server = await playServer((socket) => void socket.write(EVENTS + chunk(`data: ${result}\n\n`)));
  const connection = dial(server);
  for (let i = 0; i < 2; i++) expect((await connection.send(GET, ID)).body).toBe(result);
  expect(server.connections).toHaveLength(2);
});

test('a held stream counts its bytes and tells its end', async () => {
  const server = await playServer((socket) => {
    socket.write(EVENTS + chunk('data: one\n\n') + chunk(': comment\n\ndata: two\n\n'));
  });
  const seen = { opens: 0, bytes: 0, events: [] as string[], ends: 0 };
  const connection = dial(server);
  await connection.hold(GET, {
    onOpen: () => void seen.opens++,
    onBytes: (count) => {
      seen.bytes += count;
    },
    onEvent: (data) => void seen.events.push(data),
    onEnd: () => void seen.ends++,
  });
  expect(connection.busy).toBe(true);
  await eventually(
    () => seen.events,
    (events) => events.length === 2,
  );
  server.connections[0]?.destroy();
  await eventually(
    () => seen,
    ({ ends }) => ends === 1,
  );
  expect(seen).toEqual({ opens: 1, bytes: 33, events: ['one', 'two'], ends: 1 });
  expect(connection.busy).toBe(false);
});

test('a slow reader takes no more than its rate, and the system’s buffers', async () => {
  const piece = chunk(`data: ${'x'.repeat(16 * 1024)}\n\n`);
  const flood = (socket: Socket) => {
    while (socket.write(piece));
    socket.once('drain', () => flood(socket));
  };
  const server = await playServer((socket) => {
    socket.write(EVENTS);
    flood(socket);
  });
  const [slow, quick] = [64 * 1024, undefined].map((rate) => {
    const connection = dial(server);
    if (rate !== undefined) connection.slowDown(rate);
    const seen = { bytes: 0 };
    void connection.hold(GET, {
      ...silent,
      onBytes: (count) => {
        seen.bytes += count;
      },
    });
    return seen;
  });
  await eventually(
    () => quick?.bytes ?? 0,
    (bytes) => bytes > 20_000_000,
  );
  const begun = slow?.bytes ?? 0;
  await sleep(500);
  expect(begun).toBeLessThan(1_000_000);
  expect((slow?.bytes ?? 0) - begun).toBeLessThanOrEqual(64 * 1024 + 32 * 1024);
  expect(slow?.bytes).toBeGreaterThan(0);
});

test('to read slowly is no timeout of the server', async () => {
  const body = 'x'.repeat(300_000);
  const server = await playServer((socket) => void socket.write(jsonResponse(body)));
  const connection = dial(server, { timeout: 30 });
  connection.slowDown(1_000_000);
  const begun = performance.now();
  expect((await connection.send(GET)).body).toHaveLength(body.length);
  expect(performance.now() - begun).toBeGreaterThan(150);
});

test('a server that closes a connection that nobody uses costs no request', async () => {
  const server = await playServer((socket) => {
    socket.write(jsonResponse('ok'));
    setTimeout(() => socket.end(), 10);
  });
  const connection = dial(server);
  await connection.send(GET);
  await eventually(
    () => server.connections[0]?.closed,
    (closed) => closed === true,
  );
  expect((await connection.send(GET)).body).toBe('ok');
});

test.for<{ what: string; answer: (socket: Socket) => void; code: string }>([
  { what: 'what is not HTTP', answer: (socket) => socket.write('220 mail.example.org ESMTP\r\n'), code: 'not-http' },
  { what: 'an HTTP/2 frame', answer: (socket) => socket.write(Buffer.from([0, 0, 18, 4, 0, 0])), code: 'not-http' },
  { what: 'a head without end', answer: (socket) => socket.write(`HTTP/1.1 ${'x'.repeat(70_000)}`), code: 'not-http' },
  {
    what: 'a chunk without size',
    answer: (socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nwhat\r\n'),
    code: 'not-http',
  },
  { what: 'a reset', answer: (socket) => socket.resetAndDestroy(), code: 'ECONNRESET' },
  { what: 'an end', answer: (socket) => socket.end(), code: 'closed' },
  { what: 'an end within the body', answer: (socket) => socket.end(jsonResponse('{}').slice(0, -1)), code: 'closed' },
  { what: 'nothing', answer: () => undefined, code: 'timeout' },
  { what: 'a huge body', answer: (socket) => socket.write(jsonResponse('x'.repeat(100_000))), code: 'too-large' },
  {
    what: 'a huge event',
    answer: (socket) => socket.write(EVENTS + chunk(`data: ${'x'.repeat(100_000)}`)),
    code: 'too-large',
  },
])('$what is an error with the code $code, and the next request connects again', async ({ answer, code }) => {
  const server = await playServer(
    (socket, _, nth) => void (nth === 1 ? answer(socket) : socket.write(jsonResponse('ok'))),
  );
  const connection = dial(server, { timeout: 200, maxBody: 50_000 });
  await expect(connection.send(GET, ID)).rejects.toMatchObject({ name: 'ConnectionError', code });
  expect((await connection.send(GET)).body).toBe('ok');
  expect(server.connections).toHaveLength(2);
});

test('a port where nobody listens is ECONNREFUSED', async () => {
  await expect(dial({ url: new URL('http://127.0.0.1:1/mcp') }).send(GET)).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  });
});

test('closing fails what is under way', async () => {
  const connection = dial(await playServer(() => undefined));
  const sent = connection.send(GET);
  connection.close();
  await expect(sent).rejects.toMatchObject({ code: 'unfinished' });
});

test('https is spoken the same way', async () => {
  const tls = await selfSigned('played');
  const server = await playServer((socket) => void socket.write(jsonResponse('ok')), tls);
  expect((await dial(server, { tls: { ca: tls.cert } }).send(GET)).body).toBe('ok');
  await expect(dial(server).send(GET)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
});

test('a request says each header once: what is given goes before what is ours', () => {
  const encoder = new RequestEncoder(new URL('http://127.0.0.1:8000/mcp'), {
    host: 'other',
    Authorization: 'Bearer x',
  });
  const { bytes } = encoder.call('/mcp', { method: 'ping', params: {} });
  const text = String(bytes);
  expect(text).toBe(
    'POST /mcp HTTP/1.1\r\nhost: other\r\nContent-Length: 61\r\nAuthorization: Bearer x\r\n\r\n{"jsonrpc":"2.0","id":1000000000,"method":"ping","params":{}}',
  );
});
