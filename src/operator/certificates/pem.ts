import { createPrivateKey, X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates in a PEM text; what cannot be parsed is left out. */
export function readCertificates(pem: string): X509Certificate[] {
  return (pem.match(BLOCK) ?? []).flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      // Nobody can be verified with it.
      return [];
    }
  });
}

/** The private key of a certificate as PKCS #8, or `undefined` if it cannot be parsed or belongs to another. */
export function readKey(pem: string, certificate: X509Certificate): string | undefined {
  try {
    const key = createPrivateKey(pem);
    return certificate.checkPrivateKey(key) ? key.export({ type: 'pkcs8', format: 'pem' }).toString() : undefined;
  } catch {
    return undefined;
  }
}

/** SHA-256 of the first certificate in a PEM text, as Node writes it. */
export function fingerprintOf(pem: string): string | undefined {
  return readCertificates(pem)[0]?.fingerprint256;
}
