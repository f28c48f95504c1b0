import { KeyObject, type webcrypto, X509Certificate } from 'node:crypto';
import type { Generation } from './generation.ts';
import { loadX509 } from './load-x509.ts';
import { dnsNames, type ServiceName } from './service-name.ts';

/** API servers' clocks may be behind ours by this. */
const CLOCK_SKEW_MS = 5 * 60_000;
const LIFE_MS = 90 * 24 * 3_600_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A new authority and a certificate of its for the Service, good for 90 days; the authority's key is not kept. */
export async function makeGeneration(service: ServiceName, now: number): Promise<Generation> {
  const x509 = await loadX509();
  const { subtle } = globalThis.crypto;
  const validity = { notBefore: new Date(now - CLOCK_SKEW_MS), notAfter: new Date(now + LIFE_MS) };
  const authorityKeys = await subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    // The time tells the authorities of a bundle apart.
    name: [{ CN: [`${service.name} ${new Date(now).toISOString()}`] }],
    keys: authorityKeys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    ...validity,
    subject: [{ CN: [service.name] }],
    issuer: authority.subjectName,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(dnsNames(service).map((value) => ({ type: 'dns', value }))),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  return { ca: pem(authority.rawData), certificate: pem(leaf.rawData), key: keyPem(keys.privateKey) };
}

/** As Node writes it, so that what was read from the Secret compares with what was made. */
function pem(der: ArrayBuffer): string {
  return new X509Certificate(Buffer.from(der)).toString();
}

function keyPem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}
