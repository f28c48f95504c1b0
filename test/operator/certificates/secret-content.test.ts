import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeGeneration } from '../../../src/operator/certificates/make-generation.ts';
import {
  bundleOf,
  readContent,
  type SecretContent,
  writeContent,
} from '../../../src/operator/certificates/secret-content.ts';
import { DAY, make, only, START, service } from './generations.ts';

const [first, second, third] = await Promise.all([make(START), make(START), make(START)]);
const base64 = (text: string) => Buffer.from(text).toString('base64');
const read = (data: Readonly<Record<string, string>>, now = START) => readContent(data, service, now);

const CONTENTS: Readonly<Record<string, SecretContent>> = {
  steady: only(first),
  staged: { current: first, next: second, previous: [] },
  promoted: { current: second, next: undefined, previous: [first.ca] },
  'staged while others still serve the previous one': { current: second, next: third, previous: [first.ca] },
};

test.for(Object.entries(CONTENTS))('%s is read as it was written', ([, content]) => {
  expect(read(writeContent(content))).toEqual(content);
});

test.for(Object.entries(CONTENTS))('%s: every authority is in the bundle, once', ([, content]) => {
  const { current, next, previous } = content;
  const bundle = Buffer.from(writeContent(content)['ca.crt'] ?? '', 'base64').toString();
  const parts = [current?.ca, next?.ca, ...previous].filter((ca) => ca !== undefined);
  expect(bundle).toBe(bundleOf(content));
  expect(bundle.match(/BEGIN CERTIFICATE/g)).toHaveLength(parts.length);
  for (const part of parts) expect(bundle).toContain(part);
});

const good = writeContent(only(first));
const elsewhere = await makeGeneration({ namespace: 'default', name: 'berth-operator' }, START);
const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = otherKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

test.for<[string, Readonly<Record<string, string>>]>([
  ['an empty Secret', {}],
  ['no key', { ...good, 'tls.key': '' }],
  ['a key that is none', { ...good, 'tls.key': base64('secret') }],
  ['the key of another', { ...good, 'tls.key': base64(pem) }],
  [
    'a certificate that is none',
    { ...good, 'tls.crt': base64('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----') },
  ],
  ['what is not even base64', { ...good, 'tls.crt': '%%%' }],
  ['the authority of another', { ...good, 'ca.crt': base64(second.ca) }],
  ['a certificate that vouches for itself only', { ...good, 'ca.crt': good['tls.crt'] ?? '' }],
  ['the certificate of another namespace', writeContent(only(elsewhere))],
])('%s has nothing to serve', ([, data]) => {
  expect(read(data)).toEqual({ current: undefined, next: undefined, previous: [] });
});

test('a certificate can be served from its first moment until before its last', () => {
  expect(read(good, START - 5 * 60_000 - 1).current).toBeUndefined();
  expect(read(good, START - 5 * 60_000).current).toEqual(first);
  expect(read(good, START + 90 * DAY - 1).current).toEqual(first);
  expect(read(good, START + 90 * DAY).current).toBeUndefined();
});

test('a broken next one does not spoil the current one', () => {
  const staged = writeContent({ current: first, next: second, previous: [] });
  expect(read({ ...staged, 'next-tls.key': base64(pem) })).toEqual(only(first));
});

test('an authority that expired, or is known already, is no previous one', async () => {
  const old = await make(START - 90 * DAY);
  const previous = [old.ca, first.ca, second.ca, second.ca, third.certificate];
  expect(read(writeContent({ current: first, next: undefined, previous })).previous).toEqual([second.ca]);
});
