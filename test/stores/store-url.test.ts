import { describe, expect, test } from 'vitest';
import { parseStoreUrl } from '../../src/stores/store-url.ts';

test.for([
  ['redis://cache', { host: 'cache', port: 6379, db: 0, shown: 'redis://cache:6379/0' }],
  [
    'redis://:p%40ss@10.0.0.1:7000/2',
    { host: '10.0.0.1', port: 7000, db: 2, password: 'p@ss', shown: 'redis://10.0.0.1:7000/2' },
  ],
  [
    'redis://me:100%@[::1]',
    { host: '::1', port: 6379, db: 0, username: 'me', password: '100%', shown: 'redis://[::1]:6379/0' },
  ],
  [
    'rediss://cache/1',
    { host: 'cache', port: 6379, db: 1, tls: { servername: 'cache' }, shown: 'rediss://cache:6379/1' },
  ],
  ['rediss://10.0.0.1', { host: '10.0.0.1', port: 6379, db: 0, tls: {}, shown: 'rediss://10.0.0.1:6379/0' }],
] as const)('%s is read', ([text, address]) => {
  expect(parseStoreUrl(text)).toEqual(address);
});

describe('what is no store URL is refused without showing it', () => {
  test.for([
    ['secret', 'no URL'],
    ['http://me:secret@cache', 'the scheme http://'],
    ['redis://', 'no host'],
    ['redis://me:secret@cache/sessions', 'the path /sessions'],
    ['redis://me:secret@cache?family=6', 'a "?" or "#"'],
    ['redis://me:sec#ret@cache', 'no URL'],
  ] as const)('%s', ([text, found]) => {
    expect(() => parseStoreUrl(text)).toThrow(found);
    expect(() => parseStoreUrl(text)).not.toThrow(/sec(ret|#)/);
  });
});
