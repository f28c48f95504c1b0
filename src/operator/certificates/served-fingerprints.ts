import { connect } from 'node:tls';
import type { Replica } from './replicas.ts';

/** How long a replica may take to show its certificate. */
const PATIENCE_MS = 2_000;

/** What each replica serves, by SHA-256 fingerprint; `undefined` for one that showed nothing in time. */
export function servedFingerprints(
  replicas: readonly Replica[],
  signal: AbortSignal,
  patienceMs = PATIENCE_MS,
): Promise<(string | undefined)[]> {
  return Promise.all(replicas.map((replica) => servedFingerprint(replica, signal, patienceMs)));
}

async function servedFingerprint(
  { host, port }: Replica,
  signal: AbortSignal,
  patienceMs: number,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  // Nothing is sent: whether the certificate can be trusted is for those to say who verify.
  const socket = connect({ host, port, rejectUnauthorized: false });
  const giveUp = () => resolve(undefined);
  const timer = setTimeout(giveUp, patienceMs);
  signal.addEventListener('abort', giveUp, { once: true });
  socket.once('secureConnect', () => resolve(socket.getPeerX509Certificate()?.fingerprint256));
  // Listened to until the end: a socket may fail after it has answered.
  socket.on('error', giveUp).on('close', giveUp);
  if (signal.aborted) giveUp();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    socket.destroy();
  }
}
