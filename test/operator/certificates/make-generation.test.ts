import { X509Certificate } from 'node:crypto';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { DAY, make, START } from './generations.ts';

/** What a client gets that trusts `ca` alone and calls the server by `servername`. */
async function call(servername: string, ca: string): Promise<number | string | undefined> {
  const { certificate, key } = served;
  const server = createServer({ cert: certificate, key }, (_request, response) => response.end());
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, servername, ca, agent: false }, ({ statusCode }) => resolve(statusCode)).on(
      'error',
      ({ code }: NodeJS.ErrnoException) => resolve(code),
    );
  });
}

const served = await make(Date.now());

test('a client that knows the authority accepts the certificate by each of its names, and by no other', async () => {
  for (const name of ['berth-operator.berth-system.svc', 'berth-operator.berth-system.svc.cluster.local'])
    expect(await call(name, served.ca)).toBe(200);
  expect(await call('berth-operator', served.ca)).toBe(200);
  expect(await call('berth-operator.default.svc', served.ca)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
});

test('a client that knows another authority of ours refuses it', async () => {
  const other = await make(Date.now());
  expect(await call('berth-operator', other.ca)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});

test('it lasts 90 days, and began before now for those whose clocks are behind', async () => {
  const { certificate, ca } = await make(START);
  for (const one of [new X509Certificate(certificate), new X509Certificate(ca)]) {
    expect(one.validToDate.getTime()).toBe(START + 90 * DAY);
    expect(one.validFromDate.getTime()).toBe(START - 5 * 60_000);
  }
});

test('the certificate is for servers, and cannot vouch for others', async () => {
  const { certificate, ca } = await make(START);
  const leaf = new X509Certificate(certificate);
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect([leaf.ca, new X509Certificate(ca).ca]).toEqual([false, true]);
  expect(leaf.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' });
});

test('what the library needed to load is not left behind', async () => {
  await make(START);
  expect('getMetadata' in Reflect).toBe(false);
});
