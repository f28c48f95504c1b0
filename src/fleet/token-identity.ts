import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RemoteJWKSet } from 'jose';
import { UsageError } from '../config/problems.ts';
import { clusterKeysFetch } from './cluster-keys.ts';
import type { PeerIdentity } from './identity.ts';

export interface TokenIdentityOptions {
  /** Projected token with the fleet's audience. */
  readonly tokenFile?: string;
  /** Projected token for the API server, which gives its keys only to those it knows. */
  readonly apiTokenFile?: string;
  readonly caFile?: string;
  readonly keysUrl?: string;
  /** Milliseconds that have to pass before the keys are read again for a token that names an unknown one. */
  readonly keysCooldownMs?: number;
  /** Called when the keys cannot be read: tokens signed with a key that is not known are turned away meanwhile. */
  readonly keysUnavailable?: (error: Error) => void;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
}

const FOLDER = '/var/run/secrets/berth';
const KEYS_URL = 'https://kubernetes.default.svc/openid/v1/jwks';
const MINUTE_MS = 60_000;
/** Tokens last an hour and are renewed after 80 % of it, so a fleet of 500 pods fits in twice. */
const MAX_REMEMBERED = 1024;
/** What Kubernetes may sign with. None that takes a shared secret: a public key would serve as one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'EdDSA'];

/** What tells the tokens of one fleet from all others. */
interface Fleet {
  readonly issuer: string;
  readonly subject: string;
  /** Sorted. */
  readonly audience: readonly string[];
}

/**
 * Pods that run under the fleet's own ServiceAccount: each shows its projected token, and holds the other's against its
 * own and the cluster's keys. Rejects with a `UsageError` when there is no such token here.
 */
export async function createTokenIdentity(options: TokenIdentityOptions = {}): Promise<PeerIdentity> {
  const { createRemoteJWKSet, customFetch, decodeJwt, jwtVerify } = await import('jose');
  const { keysCooldownMs = MINUTE_MS, keysUnavailable = () => {}, clock = Date.now } = options;
  const tokenFile = options.tokenFile ?? `${FOLDER}/peer-token`;
  const keysUrl = options.keysUrl ?? KEYS_URL;

  const fleetOf = (token: string): Fleet => {
    const { iss, sub, aud } = decodeJwt(token);
    if (iss === undefined || sub === undefined || aud === undefined) throw new Error('it has no iss, sub or aud');
    return { issuer: iss, subject: sub, audience: [aud].flat().sort() };
  };

  const readOwn = async () => {
    const token = (await readFile(tokenFile, 'utf8')).trim();
    return { token, fleet: fleetOf(token), readAt: clock() };
  };
  let own = await readOwn().catch((error: NodeJS.ErrnoException) => {
    const found = error.code ?? error.message;
    throw new UsageError([
      `--peer-identity auto: cannot read a ServiceAccount token from ${tokenFile}: ${found}. ` +
        'Mount a projected one there, or give the pods a shared key with --peer-identity key:FILE',
    ]);
  });
  // The kubelet rotates the file.
  const ownToken = async () => {
    if (clock() - own.readAt >= MINUTE_MS) {
      // Half-written or gone for a moment: the one that is known is good for several minutes more.
      own = await readOwn().catch(() => ({ ...own, readAt: clock() }));
    }
    return own;
  };

  const fetchKeys = clusterKeysFetch({
    tokenFile: options.apiTokenFile ?? `${FOLDER}/api-token`,
    caFile: options.caFile ?? `${FOLDER}/ca.crt`,
  });
  // jose's own cooldown starts anew only with a success, so an API server in trouble would be asked for every token.
  let nextReadAt = 0;
  const keys: RemoteJWKSet = createRemoteJWKSet(new URL(keysUrl), {
    // Keys that are known stay good while the API server is away.
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: 0,
    [customFetch]: async (url: string, request: Parameters<typeof fetchKeys>[1]) => {
      if (keys.jwks() !== undefined && clock() < nextReadAt) throw new Error('The keys were read a moment ago.');
      nextReadAt = clock() + keysCooldownMs;
      return await fetchKeys(url, request).catch((error: Error) => {
        keysUnavailable(error);
        throw error;
      });
    },
  });
  // So that the first greeting need not wait for them; if it fails, that greeting tries again.
  void keys.reload().catch(() => {});

  /** By their hashes, the ends of tokens that were good: milliseconds since 1970. */
  const remembered = new Map<string, number>();
  const remember = (hash: string, end: number) => {
    const [oldest] = remembered.keys();
    if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    remembered.set(hash, end);
  };

  return {
    prove: async () => (await ownToken()).token,
    check: async (_role, _transcript, token) => {
      try {
        const { issuer, subject, audience } = (await ownToken()).fleet;
        // Compared first, so that strangers' tokens never make the keys be read.
        const found = fleetOf(token);
        if (found.issuer !== issuer || found.subject !== subject || `${found.audience}` !== `${audience}`) return false;
        const hash = createHash('sha256').update(token).digest('base64url');
        const end = remembered.get(hash);
        if (end !== undefined) return clock() < end;
        const { payload } = await jwtVerify(token, keys, {
          algorithms: ALGORITHMS,
          issuer,
          subject,
          audience: [...audience],
          requiredClaims: ['exp'],
          // Seconds: the API server's clock may be ahead, and a pod shows its token as soon as it has it.
          clockTolerance: 5,
          currentDate: new Date(clock()),
        });
        remember(hash, (payload.exp ?? 0) * 1000);
        return true;
      } catch {
        // Not a token, or none that holds: the answer is the same.
        return false;
      }
    },
  };
}
