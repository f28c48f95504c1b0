import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { onTestFinished } from 'vitest';

/** Listens on a port of the system's choice until the test ends; answers with the port. */
export async function listen(onRequest?: RequestListener): Promise<number> {
  const server = createServer(onRequest).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A client that has asked once and reads nothing until it is resumed. */
export function askWithoutReading(port: number) {
  const client = connect(port, '127.0.0.1').pause();
  client.on('error', () => {});
  onTestFinished(() => void client.destroy());
  client.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
  return client;
}

/** A response of which its client has not read anything, and the client. */
export async function unreadResponse() {
  const asked = Promise.withResolvers<ServerResponse>();
  const client = askWithoutReading(await listen((_req, res) => asked.resolve(res)));
  return { client, res: await asked.promise };
}
