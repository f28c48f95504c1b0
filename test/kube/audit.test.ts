import { expect, test } from 'vitest';
import { Audit } from '../../src/kube/audit.ts';
import { Cache } from '../../src/kube/cache.ts';
import { isLater } from '../../src/kube/resource-version.ts';

function cacheOf(entries: Record<string, string>) {
  const told: string[] = [];
  const cache = new Cache<string>((key, now, before) => void told.push(`${key}: ${before} → ${now}`));
  for (const [key, version] of Object.entries(entries)) cache.set(key, { version, kept: version });
  told.length = 0;
  return { cache, told };
}

const listing = (version: string, entries: Record<string, string>) => ({
  version,
  entries: new Map(Object.entries(entries).map(([key, at]) => [key, { version: at, kept: at }])),
});

test('what the watch has missed is put right and counted once each', () => {
  const { cache, told } = cacheOf({ same: '3', old: '4', gone: '5' });
  const audit = new Audit<string>();
  audit.listed(listing('10', { same: '3', old: '9', new: '8' }));
  expect(audit.settle(cache)).toBe(3);
  expect(told.sort()).toEqual(['gone: 5 → undefined', 'new: undefined → 8', 'old: 4 → 9']);
  expect(audit.settle(cache)).toBe(0);
});

test('what the watch has told after the list was made is not missed', () => {
  const { cache, told } = cacheOf({ newer: '12', created: '11' });
  const audit = new Audit<string>();
  audit.deleted('deleted');
  audit.listed(listing('10', { newer: '9', deleted: '8' }));
  expect(audit.settle(cache)).toBe(0);
  expect(told).toEqual([]);
});

test('an audit waits for its list, and then for the watch to come as far', () => {
  const audit = new Audit<string>();
  expect(audit.isDue('100')).toBe(false);
  audit.listed(listing('10', {}));
  expect(audit.isDue('9')).toBe(false);
  expect(audit.isDue('10')).toBe(true);
  expect(audit.isDue('100')).toBe(true);
});

test.for([
  ['9', '10', false],
  ['10', '9', true],
  ['10', '10', false],
  ['9007199254740993', '9007199254740992', true],
] as const)('whether %s is later than %s is decided as of numbers of any length', ([a, b, expected]) => {
  expect(isLater(a, b)).toBe(expected);
});
