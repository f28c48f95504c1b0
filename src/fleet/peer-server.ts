import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type Greeter, greetClient, HANDSHAKE_LIMIT_MS, refusalLine, welcomeClient } from './handshake.ts';
import { HandshakeFault, type HandshakeReason, NoHandshake, withinLimit } from './handshake-line.ts';
import type { Hello } from './hello.ts';
import type { Claim } from './identity.ts';

/** Why a connection to the peer port was refused. */
export type PeerRefusal = HandshakeReason | 'too-many';

/** A connection that was refused. */
export interface RefusedPeer {
  readonly remoteAddress: string;
  /** What was found, for a log. */
  readonly detail: string;
}

export interface PeerServerOptions extends Greeter {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Whether the claimed address, whose host is the remote one, is a peer's. Asked before anything is proven. */
  readonly isPeer: (claim: Claim, remoteAddress: string) => Promise<boolean>;
  /** Called once for every connection that was let in. */
  readonly greeted: (hello: Hello) => void;
  /** Called once for every connection that was not. */
  readonly refused: (reason: PeerRefusal, peer: RefusedPeer) => void;
  /** `peer` is what the other end said of itself when the connection was opened. */
  readonly onRequest: (req: IncomingMessage, res: ServerResponse, peer: Hello) => void;
  /** Milliseconds for a whole handshake; 300 unless given. */
  readonly limitMs?: number;
  /** Connections that may be in their handshake at once; 256 unless given. */
  readonly maxUnproven?: number;
}

export interface PeerServer {
  readonly port: number;
  /** Takes no more connections, ends idle ones and the others after their answers; done when all are gone. */
  close(): Promise<void>;
  /** Cuts all connections. */
  destroy(): void;
}

/** A connection that was let in. */
interface Connection {
  readonly peer: Hello;
  /** Requests that are not answered yet. */
  pending: number;
}

const MAX_UNPROVEN = 256;
/** What the public listener allows, and as much again for what a forwarding peer adds. */
const MAX_HEADER_BYTES = 32 * 1024;
/** A peer that vanished without a word is found out by TCP. */
const KEEP_ALIVE_DELAY_MS = 30_000;
/** The kernel shortens it at `net.core.somaxconn`. */
const BACKLOG = 4096;

/** Listens on the peer port: whoever connects has to prove itself before HTTP is read from its socket. */
export async function listenForPeers(options: PeerServerOptions): Promise<PeerServer> {
  const { host, port, isPeer, greeted, onRequest, limitMs = HANDSHAKE_LIMIT_MS, maxUnproven = MAX_UNPROVEN } = options;
  const unproven = new Set<Socket>();
  const connections = new Map<Socket, Connection>();
  let closing = false;

  // Peers hold connections open for as long as they like, and streams may be silent: nothing is timed here.
  const http = createHttpServer({
    keepAliveTimeout: 0,
    headersTimeout: 0,
    requestTimeout: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  http.on('request', (req, res) => {
    const connection = connections.get(req.socket);
    // A request that was read from a socket which was cut in the same turn.
    if (connection === undefined) return void res.destroy();
    connection.pending++;
    res.once('close', () => {
      connection.pending--;
      // An answer may have set it for a reader that stalls; a connection may idle.
      req.socket.setTimeout(0);
      if (closing) endIfIdle(req.socket, connection);
    });
    onRequest(req, res, connection.peer);
  });

  const accept = async (socket: Socket): Promise<void> => {
    // Whatever fails, 'close' follows.
    socket.on('error', () => {});
    const remoteAddress = socket.remoteAddress ?? '';
    const refuse = (reason: PeerRefusal, detail: string) => options.refused(reason, { remoteAddress, detail });
    if (unproven.size >= maxUnproven) {
      socket.destroy();
      return refuse('too-many', `${unproven.size} others are in their handshake`);
    }
    unproven.add(socket);
    socket.once('close', () => unproven.delete(socket));
    try {
      const peer = await withinLimit(limitMs, greetClient(socket, isPeer, options));
      if (closing) return;
      unproven.delete(socket);
      connections.set(socket, { peer, pending: 0 });
      socket.once('close', () => connections.delete(socket));
      welcomeClient(socket, options.hello());
      greeted(peer);
      http.emit('connection', socket);
      socket.resume();
    } catch (error) {
      if (closing) return;
      const fault = error instanceof HandshakeFault ? error : new HandshakeFault('no-proof', String(error));
      turnAway(socket, fault, limitMs);
      refuse(fault.reason, fault.message);
    }
  };

  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS }, accept);
  server.listen({ host, port, backlog: BACKLOG });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      closing = true;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of unproven) socket.destroy();
      for (const [socket, connection] of connections) endIfIdle(socket, connection);
      await closed;
    },
    destroy: () => {
      for (const socket of [...unproven, ...connections.keys()]) socket.destroy();
    },
  };
}

function endIfIdle(socket: Socket, { pending }: Connection): void {
  if (pending === 0) socket.destroySoon();
}

/** Says why, in the words of the other end's protocol, and closes. */
function turnAway(socket: Socket, fault: HandshakeFault, limitMs: number): void {
  if (!socket.writable) return void socket.destroy();
  socket.end(fault instanceof NoHandshake ? unauthorized() : refusalLine(fault.reason));
  // What was sent has to be read, or the kernel resets the connection and the answer may be lost with it.
  socket.resume();
  const cut = setTimeout(() => socket.destroy(), limitMs);
  socket.once('close', () => clearTimeout(cut));
}

function unauthorized(): string {
  const message = 'Unauthorized: this port is for the peers of a berth fleet, and opens with a handshake.';
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message }, id: null });
  return [
    'HTTP/1.1 401 Unauthorized',
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}
