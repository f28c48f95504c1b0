import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { Hello } from '../../src/fleet/hello.ts';
import type { PeerIdentity } from '../../src/fleet/identity.ts';
import { PeerAgent, type PeerAgentOptions } from '../../src/fleet/peer-agent.ts';
import { listenForPeers, type PeerServerOptions } from '../../src/fleet/peer-server.ts';

export const SECRET = 'the-secret-of-the-fleet';
/** Where the peers of these tests say that they listen, when it does not matter. */
export const ELSEWHERE = '127.0.0.1:9';

export function helloOf(address: string, more: Partial<Hello> = {}): Hello {
  return {
    address,
    nonce: `nonce of ${address}`,
    startedAt: 1,
    template: 'abc',
    phase: 'serving',
    tags: { 'tag-a': 0 },
    peers: [],
    secret: { value: SECRET, madeAt: 1 },
    ...more,
  };
}

/** For a handshake where its limit is not what a test is about. */
const PATIENT_LIMIT_MS = 10_000;

/** A peer server that keeps what it saw, and answers every request with the address of who asked. */
export async function startPeer(identity: PeerIdentity, options: Partial<PeerServerOptions> = {}) {
  const greeted: Hello[] = [];
  const refused: string[] = [];
  const requests: string[] = [];
  let refusals = () => {};
  const server = await listenForPeers({
    host: '127.0.0.1',
    port: 0,
    identity,
    limitMs: PATIENT_LIMIT_MS,
    hello: () => helloOf(address),
    isPeer: async () => true,
    greeted: (hello) => greeted.push(hello),
    refused: (reason) => {
      refused.push(reason);
      refusals();
    },
    onRequest: (req, res, peer) => {
      requests.push(`${req.method} ${req.url}`);
      req.resume();
      res.end(peer.address);
    },
    ...options,
  });
  const address = `127.0.0.1:${server.port}`;
  onTestFinished(() => server.destroy());
  onTestFinished(() => void server.close());
  /** The reasons of the first `count` refusals, once there are so many. */
  const refusedTimes = async (count: number): Promise<readonly string[]> => {
    while (refused.length < count) await new Promise<void>((resolve) => (refusals = resolve));
    return refused;
  };
  return { ...server, address, greeted, refused, refusedTimes, requests };
}

export function agentFor(address: string, identity: PeerIdentity, options: Partial<PeerAgentOptions> = {}) {
  const greeted: Hello[] = [];
  const agent = new PeerAgent({
    address,
    identity,
    hello: () => helloOf(ELSEWHERE),
    greeted: (hello) => greeted.push(hello),
    limitMs: PATIENT_LIMIT_MS,
    ...options,
  });
  onTestFinished(() => agent.destroy());
  return Object.assign(agent, { greeted });
}

/** A request whose body is still to come. */
export function open(agent: PeerAgent, path = '/mcp', method = 'POST'): ClientRequest {
  return request({ agent, path, method });
}

/** A whole request and the body of its answer. */
export async function ask(agent: PeerAgent, body = '', path = '/mcp'): Promise<string> {
  return await text(await answered(open(agent, path).end(body)));
}

export async function answered(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

/** A connection without any manners. */
export function dialRaw(port: number, localAddress = '127.0.0.1') {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return {
    socket,
    send: (...messages: readonly unknown[]) =>
      socket.write(messages.map((m) => (typeof m === 'string' ? m : `${JSON.stringify(m)}\n`)).join('')),
    /** The next line; nothing when the connection has ended. */
    line: async (): Promise<string | undefined> => (await lines.next()).value,
    json: async () => JSON.parse((await lines.next()).value ?? 'null'),
    /** All lines up to the end. */
    async rest(): Promise<readonly string[]> {
      const all: string[] = [];
      for (let next = await lines.next(); !next.done; next = await lines.next()) all.push(next.value);
      return all;
    },
  };
}

export const claimOf = (address = ELSEWHERE) => ({
  challenge: 'c'.repeat(43),
  address,
  nonce: helloOf(address).nonce,
});

/** Plays a client's part by hand; answers what it sent and heard. */
export async function greetByHand(port: number, identity: PeerIdentity, address = ELSEWHERE, localAddress?: string) {
  const raw = dialRaw(port, localAddress);
  const client = claimOf(address);
  const opening = { berth: 1, ...client };
  raw.send(opening);
  const answer = await raw.json();
  const { proof: _, ...server } = answer;
  const proven = { proof: await identity.prove('client', { client, server }), hello: helloOf(address) };
  return { raw, opening, answer, proven };
}

/** A TCP server that keeps every byte it hears. */
export async function listenRaw(onConnection: (socket: Socket, address: string) => void) {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => heard.push(chunk));
    onConnection(socket, address);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { address, heard: () => Buffer.concat(heard).toString(), sockets };
}
