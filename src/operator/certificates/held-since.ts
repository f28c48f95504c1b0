import { readCertificates } from './pem.ts';

/** Since when every bundle has had an authority, by its SHA-256 fingerprint; milliseconds since 1970. */
export type HeldSince = ReadonlyMap<string, number>;

/**
 * Carries on what is held by all `bundles` (PEM) of those in `authorities` (PEM); what was missing for once starts anew.
 * Without any bundle nobody verifies, and all count as held.
 */
export function carryOn(before: HeldSince, authorities: string, bundles: readonly string[], now: number): HeldSince {
  const held = bundles.map((bundle) => new Set(fingerprints(bundle)));
  const byAll = fingerprints(authorities).filter((authority) => held.every((bundle) => bundle.has(authority)));
  // A clock that was set back must not make it wait until it is as late again.
  return new Map(byAll.map((authority) => [authority, Math.min(before.get(authority) ?? now, now)]));
}

function fingerprints(pem: string): string[] {
  return readCertificates(pem).map(({ fingerprint256 }) => fingerprint256);
}
