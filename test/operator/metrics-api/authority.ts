import { X509Certificate as Certificate, webcrypto } from 'node:crypto';
import type { Extension, X509Certificate } from '@peculiar/x509';
import { loadX509 } from '../../../src/operator/certificates/load-x509.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR = 3_600_000;

/** Object identifiers of what a certificate may be used for. */
export const USAGE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };

export interface Pair {
  /** PEM, with the intermediate CAs behind it. */
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  readonly usage?: string | undefined;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly extensions?: readonly Extension[];
  /** Subject alternative names. */
  readonly dns?: readonly string[];
}

export interface IntermediateOptions {
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly notAfter?: Date;
}

/** A CA of a test's own. */
export interface Authority {
  readonly ca: string;
  readonly key: string;
  issue(subject: string, options?: IssueOptions): Promise<Pair>;
  /** One below, or with `ca: false` somebody who signs without being one. */
  intermediate(subject: string, options?: IntermediateOptions): Promise<Authority>;
}

export async function createAuthority(subject: string): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await sign(subject, subject, keys.publicKey, keys.privateKey, await caExtensions());
  return await authorityOf(certificate, keys, []);
}

async function authorityOf(
  certificate: X509Certificate,
  keys: webcrypto.CryptoKeyPair,
  path: readonly X509Certificate[],
): Promise<Authority> {
  return {
    // As Node writes it, to be compared.
    ca: new Certificate(Buffer.from(certificate.rawData)).toString(),
    key: await pemOf(keys.privateKey),

    async issue(subject, { usage = USAGE.client, dns = [], extensions = [], ...dates } = {}) {
      const x509 = await loadX509();
      const own = await generateKeys();
      const all: Extension[] = [...extensions];
      if (usage !== '') all.push(new x509.ExtendedKeyUsageExtension([usage]));
      if (dns.length > 0) {
        all.push(new x509.SubjectAlternativeNameExtension(dns.map((value) => ({ type: 'dns' as const, value }))));
      }
      const leaf = await sign(subject, certificate.subject, own.publicKey, keys.privateKey, all, dates);
      return { cert: [leaf, ...path].map((one) => one.toString('pem')).join('\n'), key: await pemOf(own.privateKey) };
    },

    async intermediate(subject, { ca = true, pathLength, ...dates } = {}) {
      const own = await generateKeys();
      const { ExtendedKeyUsageExtension } = await loadX509();
      const extensions = ca ? await caExtensions(pathLength) : [new ExtendedKeyUsageExtension([USAGE.client])];
      const issued = await sign(subject, certificate.subject, own.publicKey, keys.privateKey, extensions, dates);
      return await authorityOf(issued, own, [issued, ...path]);
    },
  };
}

async function caExtensions(pathLength?: number): Promise<Extension[]> {
  const x509 = await loadX509();
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
  ];
}

async function sign(
  subject: string,
  issuer: string,
  publicKey: webcrypto.CryptoKey,
  signingKey: webcrypto.CryptoKey,
  extensions: Extension[],
  {
    notBefore = new Date(Date.now() - HOUR),
    notAfter = new Date(Date.now() + 48 * HOUR),
  }: Pick<IssueOptions, 'notBefore' | 'notAfter'> = {},
): Promise<X509Certificate> {
  const { X509CertificateGenerator } = await loadX509();
  const signingAlgorithm = ALGORITHM;
  return await X509CertificateGenerator.create({
    subject,
    issuer,
    publicKey,
    signingKey,
    signingAlgorithm,
    extensions,
    notBefore,
    notAfter,
  });
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}
