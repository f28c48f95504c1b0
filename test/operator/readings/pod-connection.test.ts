import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { PodConnection } from '../../../src/operator/readings/pod-connection.ts';

const LIMIT_MS = 5_000;
const open: (Server | PodConnection)[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

const body = (active: number) =>
  JSON.stringify({
    ...{ active, activeMean: active, max: 100, waiting: 0, sessions: { parked: 0 } },
    refused: { capacity: 0, returning: 0, draining: 0 },
  });
const answer = (active: number, more = '') =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${body(active).length}${more}\r\n\r\n${body(active)}`;

/** A pod that does with each question what it is told, and a connection to it. */
async function podThat(answers: (socket: Socket, question: number, text: string) => void) {
  const sockets: Socket[] = [];
  let questions = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).on('data', (text) => answers(socket, ++questions, String(text)));
  }).listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = new PodConnection({ host: '127.0.0.1', port });
  open.push(connection);
  return { sockets, ask: (limitMs = LIMIT_MS) => connection.ask(limitMs), port };
}

test('one socket serves for all questions, and names the pod in each', async () => {
  const texts: string[] = [];
  const { sockets, ask, port } = await podThat((socket, question, text) => {
    texts.push(text);
    socket.write(answer(question));
  });
  expect(await ask()).toMatchObject({ active: 1 });
  expect(await ask()).toMatchObject({ active: 2 });
  expect(sockets).toHaveLength(1);
  expect(texts).toEqual(Array(2).fill(`GET /connections HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`));
});

test('an answer that comes in pieces is one', async () => {
  const { ask } = await podThat((socket, question) => {
    const text = answer(question);
    socket.setNoDelay().write(text.slice(0, 20));
    setTimeout(() => socket.write(text.slice(20, -3)), 20);
    setTimeout(() => socket.write(text.slice(-3)), 40);
  });
  expect(await ask()).toMatchObject({ active: 1 });
  expect(await ask()).toMatchObject({ active: 2 });
});

test('answers of two pods that come at the same time are not mixed up', async () => {
  const pods = await Promise.all([1, 2, 3].map((active) => podThat((socket) => socket.write(answer(active)))));
  for (let round = 0; round < 20; round++) {
    const reports = await Promise.all(pods.map(({ ask }) => ask()));
    expect(reports.map((report) => report?.active)).toEqual([1, 2, 3]);
  }
});

test('a pod that closes after its answer is asked on another socket', async () => {
  const { sockets, ask } = await podThat((socket, question) => socket.end(answer(question, '\r\nConnection: close')));
  expect(await ask()).toMatchObject({ active: 1 });
  expect(await ask()).toMatchObject({ active: 2 });
  expect(sockets).toHaveLength(2);
});

test('what comes too late is not taken for the answer to the next question', async () => {
  const { sockets, ask } = await podThat((socket, question) => {
    if (question > 1) socket.write(answer(question));
  });
  expect(await ask(50)).toBeUndefined();
  sockets[0]?.write(answer(99));
  expect(await ask()).toMatchObject({ active: 2 });
  expect(sockets).toHaveLength(2);
});

test('what comes without a question ends the connection', async () => {
  const { sockets, ask } = await podThat((socket, question) => socket.write(answer(question)));
  await ask();
  sockets[0]?.write(answer(99));
  await once(sockets[0] as Socket, 'close');
  expect(await ask()).toMatchObject({ active: 2 });
});

test('a pod that is gone has no answer, and one when it is there again', async () => {
  const { sockets, ask } = await podThat((socket, question) => {
    if (question === 1) socket.destroy();
    else socket.write(answer(question));
  });
  expect(await ask()).toBeUndefined();
  expect(await ask()).toMatchObject({ active: 2 });
  expect(sockets).toHaveLength(2);
});
