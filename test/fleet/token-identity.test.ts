import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnsecuredJWT } from 'jose';
import { expect, onTestFinished, test } from 'vitest';
import { UsageError } from '../../src/config/problems.ts';
import type { PeerIdentity } from '../../src/fleet/identity.ts';
import { createTokenIdentity } from '../../src/fleet/token-identity.ts';
import { CLAIMS, type SigningKey, signingKey, startCluster } from './cluster.ts';
import { agentFor, ask, claimOf, ELSEWHERE, greetByHand, startPeer } from './peers.ts';

const HOUR_MS = 3_600_000;
const transcript = { client: claimOf(), server: claimOf() };
const holds = (pod: PeerIdentity, token: string) => pod.check('client', transcript, token);

type Forge = (key: SigningKey) => Promise<string>;
const FORGED: Readonly<Record<string, Forge>> = {
  'of another ServiceAccount': (key) => key.sign({ sub: 'system:serviceaccount:tools:default' }),
  'for another audience': (key) => key.sign({ aud: ['berth/tools/other'] }),
  'for one audience more': (key) => key.sign({ aud: [...CLAIMS.aud, 'vault'] }),
  'of another issuer': (key) => key.sign({ iss: 'https://elsewhere' }),
  'that has expired': (key) => key.sign({}, Date.now() - 60_000),
  'signed by a foreign key with a known name': async ({ kid }) => (await signingKey(kid)).sign(),
  'signed by a foreign key with a name of its own': async () => (await signingKey('foreign')).sign(),
  'that is not signed': async () => new UnsecuredJWT(CLAIMS).setExpirationTime('1h').encode(),
  'whose claims were changed': async (key) => {
    const [head, , signature] = (await key.sign({ sub: 'system:serviceaccount:tools:default' })).split('.');
    const [, claims] = (await key.sign()).split('.');
    return [head, claims, signature].join('.');
  },
};

test.each(Object.entries(FORGED))('a token %s is refused, as a client and as a server', async (_name, forge) => {
  const cluster = await startCluster();
  const [good, token] = [await cluster.pod(), await forge(cluster.key)];
  const thief: PeerIdentity = { prove: async () => token, check: async () => true };
  const server = await startPeer(good);
  await expect(ask(agentFor(server.address, thief))).rejects.toMatchObject({
    code: 'refused',
    message: expect.stringContaining('bad-proof'),
  });
  expect(server.refused).toEqual(['bad-proof']);
  expect(server.requests).toEqual([]);
  const impostor = await startPeer(thief);
  await expect(ask(agentFor(impostor.address, good))).rejects.toMatchObject({ code: 'bad-proof' });
  expect(impostor.requests).toEqual([]);
});

test('a right token is refused where no peer is', async () => {
  const cluster = await startCluster();
  const server = await startPeer(await cluster.pod(), { isPeer: async (_claim, remote) => remote !== '127.0.0.5' });
  const { answer } = await greetByHand(server.port, await cluster.pod(), '127.0.0.5:9', '127.0.0.5');
  expect(answer).toEqual({ refused: 'unknown-address' });
  expect(server.refused).toEqual(['unknown-address']);
});

test('a key that is not known is looked for at most once per cooldown, for our own kind of token only', async () => {
  const cluster = await startCluster();
  let now = Date.now();
  const pod = await cluster.pod(undefined, { clock: () => now });
  expect(await holds(pod, await cluster.key.sign())).toBe(true);
  expect(cluster.state.reads).toBe(1);
  const next = await signingKey('next');
  cluster.published.push(next.jwk);
  for (let i = 0; i < 5; i++) expect(await holds(pod, await next.sign())).toBe(false);
  expect(cluster.state.reads).toBe(1);

  now += 60_000;
  const foreign = await signingKey('foreign');
  expect(await holds(pod, await foreign.sign({ sub: 'system:serviceaccount:other:other' }))).toBe(false);
  expect(cluster.state.reads).toBe(1);
  const tokens = await Promise.all([next.sign(), next.sign(), next.sign()]);
  expect(await Promise.all(tokens.map((token) => holds(pod, token)))).toEqual([true, true, true]);
  for (let i = 0; i < 5; i++) expect(await holds(pod, await foreign.sign())).toBe(false);
  expect(cluster.state.reads).toBe(2);
});

test('keys that are known stay good while the API server is in trouble, which is asked no more often for that', async () => {
  const cluster = await startCluster();
  let now = Date.now();
  const problems: string[] = [];
  const pod = await cluster.pod(undefined, {
    clock: () => now,
    keysUnavailable: (error) => problems.push(error.message),
  });
  expect(await holds(pod, await cluster.key.sign())).toBe(true);
  cluster.state.down = true;
  const next = await signingKey('next');
  cluster.published.push(next.jwk);
  now += 30 * 60_000;
  for (let i = 0; i < 5; i++) expect(await holds(pod, await next.sign())).toBe(false);
  expect(cluster.state.reads).toBe(2);
  expect(problems).toEqual([expect.stringContaining('/openid/v1/jwks answered 500: etcd is away')]);
  expect(await holds(pod, await cluster.key.sign())).toBe(true);
  cluster.state.down = false;
  now += 60_000;
  expect(await holds(pod, await next.sign({}, now + HOUR_MS))).toBe(true);
});

test('an API server that answers later than the pod starts does no harm', async () => {
  const cluster = await startCluster();
  cluster.state.down = true;
  const pod = await cluster.pod();
  expect(await holds(pod, await cluster.key.sign())).toBe(false);
  cluster.state.down = false;
  expect(await holds(pod, await cluster.key.sign())).toBe(true);
});

test('a token that was good is remembered until it expires', async () => {
  const cluster = await startCluster();
  let now = Date.now();
  const pod = await cluster.pod(undefined, { clock: () => now });
  const token = await cluster.key.sign({}, now + HOUR_MS);
  expect(await holds(pod, token)).toBe(true);
  now += HOUR_MS - 1_000;
  expect(await holds(pod, token)).toBe(true);
  now += 1_000;
  expect(await holds(pod, token)).toBe(false);
});

test('the own token is read again within a minute after the kubelet rotated it', async () => {
  const cluster = await startCluster();
  let now = Date.now();
  const pod = await cluster.pod(undefined, { clock: () => now });
  const rotated = await cluster.key.sign();
  await writeFile(pod.tokenFile, rotated);
  expect(await pod.prove('client', transcript)).toBe(pod.own);
  now += 60_000;
  expect(await pod.prove('client', transcript)).toBe(rotated);
  await writeFile(pod.tokenFile, 'half a tok');
  now += 60_000;
  expect(await pod.prove('client', transcript)).toBe(rotated);
});

test('a pod without a token of its own gets a usage error', async () => {
  const missing = createTokenIdentity({ tokenFile: '/nowhere/peer-token' });
  await expect(missing).rejects.toBeInstanceOf(UsageError);
  await expect(missing).rejects.toThrow(/from \/nowhere\/peer-token: ENOENT\. .*--peer-identity key:FILE/);
  const cluster = await startCluster();
  await expect(cluster.pod('no token')).rejects.toBeInstanceOf(UsageError);
});

test('the keys are read over TLS, and only from who has a certificate of the cluster', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-ca-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = (name: string) => join(folder, name);
  const certificate = (name: string) =>
    execFileSync(
      'openssl',
      [
        ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=cluster'.split(' '),
        ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)],
      ],
      { stdio: 'ignore' },
    );
  certificate('cluster');
  certificate('other');
  const tls = { key: readFileSync(file('cluster.key')), cert: readFileSync(file('cluster.crt')) };
  const cluster = await startCluster((listener) => createHttpsServer(tls, listener));
  const keysUrl = `https://127.0.0.1:${cluster.port}/openid/v1/jwks`;
  const pod = await cluster.pod(undefined, { keysUrl, caFile: file('cluster.crt') });
  const server = await startPeer(pod);
  expect(await ask(agentFor(server.address, pod))).toBe(ELSEWHERE);
  const misled = await cluster.pod(undefined, { keysUrl, caFile: file('other.crt') });
  expect(await holds(misled, await cluster.key.sign())).toBe(false);
});
