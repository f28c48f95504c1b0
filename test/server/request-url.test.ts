import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { messageContext } from '../../src/server/legacy/session-transport.ts';
import { urlOf } from '../../src/server/request-url.ts';

const requestOf = (host: string | undefined, url: string) =>
  ({ method: 'POST', url, headers: { host }, rawHeaders: [], socket: {} }) as unknown as IncomingMessage;

const cases = [
  ['example.org', '/mcp?tenant=a', 'http://example.org/mcp?tenant=a'],
  ['example.org:8080', '/mcp', 'http://example.org:8080/mcp'],
  ['[::1]:8080', '/mcp', 'http://[::1]:8080/mcp'],
  ['example.org', 'http://other.org/mcp?tenant=a', 'http://example.org/mcp?tenant=a'],
  ['example.org', 'https://user:secret@other.org/mcp', 'http://example.org/mcp'],
  ['example.org', 'javascript://other.org/mcp', 'http://example.org/mcp'],
  ['example.org', 'file:///mcp', 'http://example.org/mcp'],
  ['example.org', 'urn:.other.org/mcp', 'http://example.org/'],
  ['a/?tenant=b&', '/mcp?tenant=a', 'http://localhost/mcp?tenant=a'],
  ['evil/x?.example.org', '/mcp?tenant=a', 'http://localhost/mcp?tenant=a'],
  ['user:secret@example.org', '/mcp', 'http://localhost/mcp'],
  ['bad_port:99999', '/mcp?tenant=a', 'http://localhost/mcp?tenant=a'],
  ['example.org', '//other.org/mcp', 'http://example.org//other.org/mcp'],
  ['user@example.org', '//other.org/mcp', 'http://localhost//other.org/mcp'],
  ['example.org', '*', 'http://example.org/'],
  ['', '/mcp', 'http://localhost/mcp'],
  [undefined, '/mcp', 'http://localhost/mcp'],
] as const;

test.each(cases)('of host %j and target %s a handler sees the URL %s', (host, url, wanted) => {
  const asked = urlOf(requestOf(host, url));
  expect(asked.href).toBe(wanted);
  expect(() => new Request(asked)).not.toThrow();
});

test('a handler that changes its URL does not change the request', () => {
  const context = messageContext(requestOf('example.org', '/mcp'), { closeStandaloneSSEStream: () => {} });
  expect(context.requestInfo.url.href).toBe('http://example.org/mcp');
  context.requestInfo.url.pathname = '/elsewhere';
  expect(context.request.url).toBe('http://example.org/mcp');
});
