import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A server that does what a test says. */
export interface PlayedServer {
  readonly url: string;
  readonly port: number;
  /** Sockets that were opened so far. */
  readonly sockets: number;
  close(): Promise<void>;
}

/** Serves on a free loopback port, with TLS when it is given options for that. */
export async function playServer(answer: RequestListener, tls?: ServerOptions, port = 0): Promise<PlayedServer> {
  const server: Server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  let sockets = 0;
  server.on(tls === undefined ? 'connection' : 'secureConnection', () => void sockets++);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${bound}`,
    port: bound,
    get sockets() {
      return sockets;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}
