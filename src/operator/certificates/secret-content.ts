import type { X509Certificate } from 'node:crypto';
import type { Generation } from './generation.ts';
import { readCertificates, readKey } from './pem.ts';
import { type ServiceName, serverName } from './service-name.ts';

/** A Secret's `data`: base64 by key. */
export type SecretData = Readonly<Record<string, string>>;

/** What the Secret says, without what is of no use at this time. */
export interface SecretContent {
  /** What replicas serve, or `undefined` if the Secret has nothing that may be served. */
  readonly current: Generation | undefined;
  /** What they will serve, once its authority is known to all who verify. */
  readonly next: Generation | undefined;
  /** The authorities of what some replicas may still serve. */
  readonly previous: readonly string[];
}

/** Reads the Secret's data. Broken, expired and foreign parts count as absent; nothing is thrown. */
export function readContent(data: SecretData, service: ServiceName, now: number): SecretContent {
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString();
  const generation = (prefix: '' | 'next-'): Generation | undefined => {
    const [leaf] = readCertificates(text(`${prefix}tls.crt`));
    if (leaf === undefined || !isLive(leaf, now)) return undefined;
    if (leaf.checkHost(serverName(service), { subject: 'never' }) === undefined) return undefined;
    const ca = readCertificates(text(`${prefix}ca.crt`)).find((one) => isLive(one, now) && vouches(one, leaf));
    const key = readKey(text(`${prefix}tls.key`), leaf);
    return ca && key ? { ca: ca.toString(), certificate: leaf.toString(), key } : undefined;
  };
  const current = generation('');
  const next = current && generation('next-');
  const previous = current
    ? readCertificates(text('previous-ca.crt')).filter((one) => one.ca && !isOver(one, now))
    : [];
  const known = new Set([current?.ca, next?.ca]);
  return {
    current,
    next: next?.certificate === current?.certificate ? undefined : next,
    previous: [...new Set(previous.map(String))].filter((ca) => !known.has(ca)),
  };
}

/** The Secret's data for a content; what `readContent` reads from it is the same content. */
export function writeContent(content: SecretContent): SecretData {
  const { current, next, previous } = content;
  const texts = {
    'ca.crt': bundleOf(content),
    'tls.crt': current?.certificate,
    'tls.key': current?.key,
    'next-ca.crt': next?.ca,
    'next-tls.crt': next?.certificate,
    'next-tls.key': next?.key,
    'previous-ca.crt': previous.join('') || undefined,
  };
  return Object.fromEntries(
    Object.entries(texts).flatMap(([key, text]) => (text === undefined ? [] : [[key, toBase64(text)]])),
  );
}

/** Every authority that counts, as one PEM text. */
export function bundleOf({ current, next, previous }: SecretContent): string {
  return [current?.ca ?? '', next?.ca ?? '', ...previous].join('');
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function isLive(certificate: X509Certificate, now: number): boolean {
  return certificate.validFromDate.getTime() <= now && !isOver(certificate, now);
}

function isOver(certificate: X509Certificate, now: number): boolean {
  return now >= certificate.validToDate.getTime();
}

function vouches(ca: X509Certificate, leaf: X509Certificate): boolean {
  return ca.ca && leaf.checkIssued(ca) && leaf.verify(ca.publicKey);
}
