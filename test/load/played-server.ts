import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';

export interface PlayedServer {
  readonly url: URL;
  /** Connections that were made so far. */
  readonly connections: readonly Socket[];
}

/** A server of bytes: calls back for each piece that a client sends, mostly a whole request. It ends with the test. */
export async function playServer(
  onData: (socket: Socket, text: string, nth: number) => void,
  tls?: TlsOptions,
): Promise<PlayedServer> {
  const connections: Socket[] = [];
  let pieces = 0;
  const onConnection = (socket: Socket) => {
    connections.push(socket);
    // Clients of these tests go as they like.
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => onData(socket, String(chunk), ++pieces));
  };
  const server: Server = tls === undefined ? createServer(onConnection) : createTlsServer(tls, onConnection);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  // Self-signed certificates are for the address.
  const origin = tls === undefined ? `http://localhost:${port}` : `https://127.0.0.1:${port}`;
  return { url: new URL('/mcp', origin), connections };
}

/** A whole response with a JSON body. */
export function jsonResponse(body: string, fields = ''): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${fields}\r\n${body}`;
}
