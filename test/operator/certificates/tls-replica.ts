import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { TlsPair } from '../../../src/operator/certificates/generation.ts';
import type { Replica } from '../../../src/operator/certificates/replicas.ts';

/** A listener for the length of a test, as a replica. */
export async function listen(server: Server): Promise<Replica> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, ready: true };
}

/** A replica that asks its clients for a certificate, as the metrics API does; `serve` changes what it serves. */
export async function startReplica({ certificate, key }: TlsPair) {
  const server = createServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false });
  const serve = (pair: TlsPair) => server.setSecureContext({ cert: pair.certificate, key: pair.key });
  return { replica: await listen(server), serve };
}
