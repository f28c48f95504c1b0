import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { servedFingerprints } from '../../../src/operator/certificates/served-fingerprints.ts';
import { fingerprint, make } from './generations.ts';
import { listen, startReplica } from './tls-replica.ts';

const [first, second] = await Promise.all([make(Date.now()), make(Date.now())]);
const never = new AbortController().signal;

test('what each replica serves is seen, in order, as it is at that moment', async () => {
  const one = await startReplica(first);
  const other = await startReplica(second);
  const ask = () => servedFingerprints([one.replica, other.replica], never);
  expect(await ask()).toEqual([fingerprint(first.certificate), fingerprint(second.certificate)]);
  one.serve(second);
  expect(await ask()).toEqual([fingerprint(second.certificate), fingerprint(second.certificate)]);
});

test('a replica that cannot be reached, hangs up or speaks no TLS leaves a gap, and no more', async () => {
  const good = await startReplica(first);
  const rude = await listen(createServer((socket) => socket.destroy()));
  const plain = await listen(createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  const gone = { host: '127.0.0.1', port: 1, ready: true };
  const seen = await servedFingerprints([gone, rude, plain, good.replica], never);
  expect(seen).toEqual([undefined, undefined, undefined, fingerprint(first.certificate)]);
});

test('a replica that says nothing is waited for no longer than allowed', async () => {
  const silent = await listen(createServer((socket) => void socket.on('error', () => {})));
  const began = performance.now();
  expect(await servedFingerprints([silent], never, 100)).toEqual([undefined]);
  expect(performance.now() - began).toBeLessThan(1_500);
});

test('an end of the process is waited for by nobody', async () => {
  const silent = await listen(createServer((socket) => void socket.on('error', () => {})));
  const end = new AbortController();
  const seen = servedFingerprints([silent], end.signal, 60_000);
  end.abort();
  expect(await seen).toEqual([undefined]);
  expect(await servedFingerprints([silent], end.signal, 60_000)).toEqual([undefined]);
});
