import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { IDENTITY_PATH, IDENTITY_VOLUME, usesTokens } from '../src/values/pod-identity.ts';
import type { Values } from '../src/values/schema.ts';

/** Kubernetes renews a token long before it ends. */
const TOKEN_SECONDS = 3600;

/** The tokens by which a pod proves to its peers who it is, and what it needs to check theirs; none with a key. */
export function identityVolumes(values: Pick<Values, 'name' | 'namespace' | 'server'>): V1Volume[] {
  if (!usesTokens(values.server)) return [];
  const expirationSeconds = TOKEN_SECONDS;
  return [
    {
      name: IDENTITY_VOLUME,
      projected: {
        sources: [
          { serviceAccountToken: { path: 'peer-token', audience: audience(values), expirationSeconds } },
          // The API server gives the keys of tokens only to those it knows; no right comes with it.
          { serviceAccountToken: { path: 'api-token', expirationSeconds } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        ],
      },
    },
  ];
}

/** Where the container finds them. */
export function identityMounts({ server }: Pick<Values, 'server'>): V1VolumeMount[] {
  return usesTokens(server) ? [{ name: IDENTITY_VOLUME, mountPath: IDENTITY_PATH, readOnly: true }] : [];
}

/** Whom a token is for. A namespace that is not known yet may be missing: the token's subject names it in any case. */
function audience({ name, namespace }: Pick<Values, 'name' | 'namespace'>): string {
  return namespace === undefined ? `berth/${name}` : `berth/${namespace}/${name}`;
}
