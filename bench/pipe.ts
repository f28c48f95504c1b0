import { type AddressInfo, connect, createServer } from 'node:net';

// The least that a process between client and server does: it passes bytes on. Tells its parent at which port.
// Usage: pipe.ts PORT
const to = Number(process.argv[2]);
const server = createServer({ noDelay: true }, (client) => {
  const behind = connect({ host: '127.0.0.1', port: to, noDelay: true });
  client.on('error', () => {}).on('data', (chunk) => behind.write(chunk));
  behind.on('error', () => {}).on('data', (chunk) => client.write(chunk));
  client.on('close', () => behind.destroy());
  behind.on('close', () => client.destroy());
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
