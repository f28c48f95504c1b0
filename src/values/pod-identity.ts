import { effectiveSettings, type ServerValues } from './server-values.ts';

/** The volume that holds what a pod proves by who it is. */
export const IDENTITY_VOLUME = 'berth-identity';

/** Where the container finds it. */
export const IDENTITY_PATH = '/var/run/secrets/berth';

/** Whether pods know each other by the tokens of their ServiceAccount, and not by a key that they share. */
export function usesTokens(server: ServerValues): boolean {
  return effectiveSettings(server).peerIdentity === 'auto';
}

/** Whether a path is where the tokens are, or below; `/var/run` is a link to `/run` in most images. */
export function isIdentityPath(path: string): boolean {
  return /^(\/var)?\/run\/secrets\/berth(\/|$)/.test(path.replace(/\/+/g, '/'));
}
