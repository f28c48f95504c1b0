import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { messageContext } from '../../src/server/legacy/session-transport.ts';

const cases = [
  ['example.org', '/mcp?tenant=a', 'http://example.org/mcp?tenant=a'],
  ['example.org', 'http://other.org/mcp?tenant=a', 'http://other.org/mcp?tenant=a'],
  ['a/?tenant=b&', '/mcp?tenant=a', 'http://a/mcp?tenant=a'],
  ['evil/x?.example.org', '/mcp?tenant=a', 'http://evil/mcp?tenant=a'],
  ['bad_port:99999', '/mcp?tenant=a', 'http://localhost/mcp?tenant=a'],
  ['', '/mcp', 'http://localhost/mcp'],
  [undefined, '/mcp', 'http://localhost/mcp'],
] as const;

test.each(cases)('of host %j and target %s a handler sees the URL %s', (host, url, wanted) => {
  const headers = host === undefined ? {} : { host };
  const req = { method: 'POST', url, headers, rawHeaders: [], socket: {} } as unknown as IncomingMessage;
  const { requestInfo, request } = messageContext(req, { closeStandaloneSSEStream: () => {} });
  expect(requestInfo.url.href).toBe(wanted);
  expect(request.url).toBe(wanted);
  requestInfo.url.pathname = '/elsewhere';
  expect(request.url).toBe(wanted);
});
