import { X509Certificate } from 'node:crypto';
import type { Generation } from '../../../src/operator/certificates/generation.ts';
import { makeGeneration } from '../../../src/operator/certificates/make-generation.ts';
import { fingerprintOf, readCertificates } from '../../../src/operator/certificates/pem.ts';
import type { SecretContent } from '../../../src/operator/certificates/secret-content.ts';

export const DAY = 24 * 3_600_000;
export const START = Date.parse('2026-11-24T12:00:00Z');
export const service = { namespace: 'berth-system', name: 'berth-operator' };

export const make = (now: number) => makeGeneration(service, now);

/** A content with one generation and nothing else. */
export const only = (current: Generation): SecretContent => ({ current, next: undefined, previous: [] });

export function fingerprint(pem: string): string {
  return fingerprintOf(pem) ?? 'none';
}

/** Whether a client that knows the bundle accepts the certificate at that time. */
export function verifies(bundle: string, certificate: string, now: number): boolean {
  const leaf = new X509Certificate(certificate);
  return readCertificates(bundle).some(
    (ca) => ca.ca && leaf.checkIssued(ca) && leaf.verify(ca.publicKey) && now < ca.validToDate.getTime(),
  );
}

export function expiry(certificate: string): number {
  return new X509Certificate(certificate).validToDate.getTime();
}
