import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { onTestFinished } from 'vitest';
import { createTokenIdentity, type TokenIdentityOptions } from '../../src/fleet/token-identity.ts';

/** What the token of a pod of the fleet says. */
export const CLAIMS = {
  iss: 'https://kubernetes.default.svc.cluster.local',
  sub: 'system:serviceaccount:tools:everything',
  aud: ['berth/tools/everything'] as string | string[],
};
export const API_TOKEN = 'token-for-the-api-server';

export interface SigningKey {
  readonly kid: string;
  readonly jwk: JWK;
  sign(claims?: Partial<typeof CLAIMS>, expiresAt?: number): Promise<string>;
}

export async function signingKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  return {
    kid,
    jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' },
    sign: (claims = {}, expiresAt = Date.now() + 3_600_000) =>
      new SignJWT({ ...CLAIMS, ...claims, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'RS256', kid })
        .setIssuedAt(Math.floor(Date.now() / 1000) - 10)
        .setExpirationTime(Math.floor(expiresAt / 1000))
        .sign(privateKey),
  };
}

/** An API server that publishes keys to who has the right token, and the files of a pod. */
export async function startCluster(create: (listener: RequestListener) => Server = createServer) {
  const key = await signingKey('first');
  const published = [key.jwk];
  const state = { down: false, reads: 0 };
  const server = create((req, res) => {
    state.reads++;
    if (req.headers.authorization !== `Bearer ${API_TOKEN}`) res.writeHead(401).end();
    else if (state.down) res.writeHead(500).end('etcd is away');
    else res.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys: published }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const folder = await mkdtemp(join(tmpdir(), 'berth-tokens-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const apiTokenFile = join(folder, 'api-token');
  await writeFile(apiTokenFile, `${API_TOKEN}\n`);
  let pods = 0;
  return {
    key,
    published,
    state,
    port: (server.address() as AddressInfo).port,
    /** The identity of a pod that holds this token. */
    async pod(token?: string, options: Partial<TokenIdentityOptions> = {}) {
      const tokenFile = join(folder, `peer-token-${pods++}`);
      const own = token ?? (await key.sign());
      await writeFile(tokenFile, own);
      const keysUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/openid/v1/jwks`;
      const identity = await createTokenIdentity({ tokenFile, apiTokenFile, keysUrl, ...options });
      return { ...identity, tokenFile, own };
    },
  };
}
