import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Round, Scraper } from '../../../src/operator/readings/scraper.ts';
import { createWorld, podOf } from '../pods.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close().closeAllConnections();
});

/** A pod's admin port that answers as told. */
async function podPort(answer: (response: ServerResponse) => void): Promise<number> {
  const server = createServer((request, response) => {
    if (request.url === '/connections') answer(response);
    else response.writeHead(404).end();
  });
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const connections = (active: number, over: object = {}) =>
  JSON.stringify({
    active,
    activeMean: active,
    max: 100,
    waiting: 0,
    refused: { capacity: 0, draining: 0, returning: 0, unreachable: 0 },
    sessions: { active, dozing: 0, parked: 0 },
    ...over,
  });
const says =
  (body: string, status = 200) =>
  (response: ServerResponse): void => {
    response.writeHead(status).end(body);
  };

/** Rounds over pods with these ports, until one is over in which nobody is still waited for. */
async function scrape(ports: Readonly<Record<string, number>>, rounds = 1) {
  const world = createWorld();
  for (const [name, port] of Object.entries(ports)) world.has(podOf(name, { address: { host: '127.0.0.1', port } }));
  const stop = new AbortController();
  const seen: Round[] = [];
  const { pods, readings } = world;
  const round = (one: Round): void => {
    seen.push(one);
    if (seen.length === rounds) stop.abort();
  };
  await new Scraper({ pods, readings, everyMs: 10, round }).run(stop.signal);
  const held = readings.countedOf('mcp/notes').map(({ pod, reading }) => [pod.name, reading?.report.active]);
  return { held: Object.fromEntries(held) as Record<string, number | undefined>, rounds: seen };
}

test('what pods hold is read from their admin ports', async () => {
  const ports = { a: await podPort(says(connections(3))), b: await podPort(says(connections(44))) };
  expect(await scrape(ports)).toMatchObject({ held: { a: 3, b: 44 }, rounds: [{ pods: 2, failed: 0 }] });
});

test.for([
  ['is not JSON', says('<html>')],
  ['is JSON of another shape', says('{"active":"many"}')],
  ['holds a number that can not be', says(connections(-1))],
  ['comes with another status', says(connections(3), 500)],
  ['sends the reader elsewhere', (response: ServerResponse) => response.writeHead(302, { location: '/' }).end()],
  [
    'never ends',
    (response: ServerResponse) => {
      const chunk = 'x'.repeat(16_384);
      const more = (): void => void (response.writable && response.write(chunk, more));
      more();
    },
  ],
  ['is cut', (response: ServerResponse): void => void response.write('{"active":', () => response.destroy())],
] as const)('an answer that %s is none', async ([, answer]) => {
  const ports = {
    bad: await podPort(answer as (response: ServerResponse) => void),
    good: await podPort(says(connections(3))),
  };
  expect(await scrape(ports)).toMatchObject({ held: { bad: undefined, good: 3 }, rounds: [{ pods: 2, failed: 1 }] });
});

test('a pod that does not answer in time is left, and keeps nobody waiting in the next round', async () => {
  const ports = { frozen: await podPort(() => {}), good: await podPort(says(connections(3))) };
  const { held, rounds } = await scrape(ports, 2);
  expect(held).toMatchObject({ frozen: undefined, good: 3 });
  expect(rounds).toMatchObject([{ failed: 1 }, { failed: 1 }]);
  for (const { seconds } of rounds) expect(seconds).toBeLessThan(2);
});

test('sockets are used again', async () => {
  let sockets = 0;
  const port = await podPort(says(connections(3)));
  open[0]?.on('connection', () => sockets++);
  await scrape({ a: port }, 5);
  expect(sockets).toBe(1);
});

test('the socket of a pod that is gone is closed', async () => {
  const port = await podPort(says(connections(3)));
  const accepted = once(open[0] as Server, 'connection');
  const world = createWorld();
  world.has(podOf('a', { address: { host: '127.0.0.1', port } }));
  const { pods, readings, loses } = world;
  const stop = new AbortController();
  const running = new Scraper({ pods, readings, everyMs: 10, round: () => loses('a') }).run(stop.signal);
  const [socket] = (await accepted) as [Socket];
  await once(socket, 'close');
  stop.abort();
  await running;
});
