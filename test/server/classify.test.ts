import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { classify } from '../../src/server/classify.ts';
import { KnownEnvelopes } from '../../src/server/known-envelopes.ts';
import { MODERN } from './wire.ts';

const HEADERS = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': { sampling: {} },
};
const request = (meta: object, rest: object = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'echo', _meta: meta },
  ...rest,
});
const seen = new KnownEnvelopes();
const read = (body: unknown, headers: object = HEADERS, known = seen) =>
  classify({ headers } as IncomingMessage, JSON.stringify(body), known);

// An envelope that was right once is not checked again; whatever else is wrong must be found all the same.
read(request(ENVELOPE));

test('the envelope is known by now, whatever its progress token', () => {
  expect(seen.has(ENVELOPE)).toBe(true);
  expect(seen.has({ ...ENVELOPE, progressToken: 7 })).toBe(true);
  expect(seen.has({ ...ENVELOPE, traceparent: '00-1-2-01' })).toBe(true);
  expect(seen.has({ ...ENVELOPE, progressToken: {} })).toBe(false);
  expect(seen.has({ ...ENVELOPE, more: 1 })).toBe(false);
});

test.for<[string, unknown, object?]>([
  ['the same once more', request(ENVELOPE)],
  ['a progress token', request({ ...ENVELOPE, progressToken: 'p' })],
  ['a progress token that is none', request({ ...ENVELOPE, progressToken: {} })],
  ['a fraction as progress token', request({ ...ENVELOPE, progressToken: 1.5 })],
  ['another client', request({ ...ENVELOPE, 'io.modelcontextprotocol/clientInfo': { name: 'other' } })],
  ['no capabilities', request({ ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': undefined })],
  [
    'another version in the envelope',
    request({ ...ENVELOPE, 'io.modelcontextprotocol/protocolVersion': '2026-07-29' }),
  ],
  ['an array for an envelope', request([ENVELOPE])],
  ['another version in the header', request(ENVELOPE), { ...HEADERS, 'mcp-protocol-version': '2025-11-25' }],
  ['no version in the header', request(ENVELOPE), { 'mcp-method': 'tools/call' }],
  ['another method in the header', request(ENVELOPE), { ...HEADERS, 'mcp-method': 'tools/list' }],
  ['no method in the header', request(ENVELOPE), { 'mcp-protocol-version': MODERN }],
  ['another name in the header', request(ENVELOPE), { ...HEADERS, 'mcp-name': 'other' }],
  ['initialize', request(ENVELOPE, { method: 'initialize' }), { ...HEADERS, 'mcp-method': 'initialize' }],
  ['a key too many', request(ENVELOPE, { extra: 1 })],
  ['another JSON-RPC', request(ENVELOPE, { jsonrpc: '1.0' })],
  ['a fraction as id', request(ENVELOPE, { id: 1.5 })],
  ['no id', request(ENVELOPE, { id: undefined })],
  ['no id but null', request(ENVELOPE, { id: null })],
  ['a result too', request(ENVELOPE, { result: {} })],
  ['a batch', [request(ENVELOPE)]],
])('with an envelope that is known: %s', ([, body, headers]) => {
  expect(read(body, headers)).toEqual(read(body, headers, new KnownEnvelopes()));
});
