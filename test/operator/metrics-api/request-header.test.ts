import { describe, expect, test } from 'vitest';
import {
  identityIn,
  parseRequestHeaderConfig,
  type RequestHeaderConfig,
  RequestHeaderError,
} from '../../../src/operator/metrics-api/request-header.ts';
import { createAuthority } from './authority.ts';
import { configMapOf } from './lab.ts';

const { ca } = await createAuthority('CN=front-proxy-ca');

describe('the ConfigMap', () => {
  test('has lists as JSON in strings', () => {
    expect(parseRequestHeaderConfig(configMapOf(ca))).toEqual({
      ca,
      allowedNames: ['front-proxy-client'],
      usernameHeaders: ['x-remote-user'],
      groupHeaders: ['x-remote-group'],
      extraPrefixes: ['x-remote-extra-'],
      uidHeaders: ['x-remote-uid'],
    } satisfies RequestHeaderConfig);
  });

  test.for(['null', '[]', ''])('has an empty list as %j, or none at all', (text) => {
    expect(parseRequestHeaderConfig(configMapOf(ca, { 'requestheader-allowed-names': text })).allowedNames).toEqual([]);
    const { 'requestheader-uid-headers': _, ...old } = configMapOf(ca);
    expect(parseRequestHeaderConfig(old).uidHeaders).toEqual([]);
  });

  test('has a bundle of several CAs', async () => {
    const next = await createAuthority('CN=next-ca');
    expect(parseRequestHeaderConfig(configMapOf(`${ca}\n# next\n${next.ca}`)).ca).toBe(ca + next.ca);
  });

  test.for([
    [{ 'requestheader-client-ca-file': '' }, 'has no certificate in requestheader-client-ca-file'],
    [{ 'requestheader-client-ca-file': 'garbage' }, 'has no certificate in requestheader-client-ca-file'],
    [{ 'requestheader-username-headers': '[]' }, 'has no requestheader-username-headers'],
    [{ 'requestheader-group-headers': 'X-Remote-Group' }, 'must be a JSON list of strings. Got X-Remote-Group'],
    [{ 'requestheader-group-headers': '{"a":1}' }, 'must be a JSON list of strings. Got {"a":1}'],
    [{ 'requestheader-allowed-names': '[1]' }, 'must be a JSON list of strings. Got [1]'],
  ] as const)('with %j is refused', ([changes, message]) => {
    const parse = () => parseRequestHeaderConfig(configMapOf(ca, changes));
    expect(parse).toThrow(RequestHeaderError);
    expect(parse).toThrow(message);
  });
});

describe('the headers', () => {
  const config = parseRequestHeaderConfig(
    configMapOf(ca, { 'requestheader-username-headers': '["X-First-User", "X-Remote-User"]' }),
  );

  test('name a user, groups in their order, an id and more', () => {
    const headers = [
      ...['X-Remote-User', 'jane', 'X-Remote-Group', 'a', 'X-Remote-Uid', '7', 'x-REMOTE-group', 'b, c'],
      ...['X-Remote-Extra-Acme.com%2FProject', 'one', 'X-Remote-Extra-acme.com%2fproject', 'two'],
      ...['X-Remote-Extra-%zz', 'odd', 'X-Remote-Group', ''],
    ];
    expect(identityIn(headers, config)).toEqual({
      user: 'jane',
      uid: '7',
      groups: ['a', 'b, c', 'system:authenticated'],
      extra: { 'acme.com/project': ['one', 'two'], '%zz': ['odd'] },
    });
  });

  test('count by the order of the configuration, empty ones not', () => {
    const of = (...headers: string[]) => identityIn(headers, config)?.user;
    expect(of('X-Remote-User', 'second', 'X-First-User', 'first')).toBe('first');
    expect(of('X-Remote-User', 'second', 'X-First-User', '')).toBe('second');
    expect(of('X-Other-User', 'jane')).toBeUndefined();
    expect(of('X-Remote-User', '')).toBeUndefined();
  });

  test('are UTF-8', () => {
    const asNodeReadsIt = Buffer.from('jörg', 'utf8').toString('latin1');
    expect(identityIn(['X-Remote-User', asNodeReadsIt], config)?.user).toBe('jörg');
  });

  test.for([
    ['system:kube-aggregator', [], ['system:authenticated']],
    ['jane', ['system:authenticated', 'a'], ['system:authenticated', 'a']],
    ['system:anonymous', ['system:unauthenticated'], ['system:unauthenticated']],
    ['system:anonymous', [], []],
  ] as const)('of %s with the groups %j give the groups %j', ([user, groups, expected]) => {
    const headers = ['X-Remote-User', user, ...groups.flatMap((group) => ['X-Remote-Group', group])];
    expect(identityIn(headers, config)?.groups).toEqual(expected);
  });

  test('may carry a key that is a name of every object', () => {
    const identity = identityIn(['X-Remote-User', 'jane', 'X-Remote-Extra-__proto__', 'x'], config);
    expect(JSON.stringify(identity?.extra)).toBe('{"__proto__":["x"]}');
  });
});
