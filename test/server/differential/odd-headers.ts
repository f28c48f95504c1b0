import { bare, call, type Headers, initialize, inTurn, postOf, request, type Step } from './script.ts';

/** Requests with whatever is odd about their headers. */
export const HEADERS: Readonly<Record<string, Headers>> = {
  'no Accept': { accept: undefined },
  'Accept the other way round': { accept: 'text/event-stream, application/json' },
  'Accept with weights': { accept: 'application/json;q=0.9, text/event-stream;q=0.8, */*;q=0.1' },
  'Accept anything': { accept: '*/*' },
  'Accept kinds of things': { accept: 'application/*, text/*' },
  'Accept JSON only': { accept: 'application/json' },
  'Accept events only': { accept: 'text/event-stream' },
  'Accept in capitals': { accept: 'Application/JSON, Text/Event-Stream' },
  'Accept something else': { accept: 'text/html' },
  'a charset': { 'content-type': 'application/json; charset=utf-8' },
  'a bad charset': { 'content-type': 'application/json; charset=' },
  'a Content-Type in capitals': { 'content-type': 'APPLICATION/JSON' },
  'no Content-Type': { 'content-type': undefined },
  'text for a Content-Type': { 'content-type': 'text/plain' },
  'JSON among the parameters': { 'content-type': 'text/plain; a=application/json' },
  'a JSON dialect': { 'content-type': 'application/vnd.api+json' },
  'two Content-Types': { 'content-type': 'application/json, application/json' },
  'two Content-Types, the first with a parameter': { 'content-type': 'application/json; a=b, text/plain' },
  'a compressed body': { 'content-encoding': 'gzip' },
  'a body that is not compressed': { 'content-encoding': 'identity' },
  'no Content-Length': { 'transfer-encoding': 'chunked' },
  'Expect: 100-continue': { expect: '100-continue' },
  'an event id': { 'last-event-id': 'unheard-of' },
  'no version': { 'mcp-protocol-version': undefined },
  'an unknown version': { 'mcp-protocol-version': '2023-01-01' },
  'a version that is no date': { 'mcp-protocol-version': 'latest' },
  'an empty version': { 'mcp-protocol-version': '' },
  'another version than was agreed': { 'mcp-protocol-version': '2025-03-26' },
  'the version of 2024-10': { 'mcp-protocol-version': '2024-10-07' },
  'two versions': { 'mcp-protocol-version': '2025-11-25, 2025-11-25' },
  'no session': { 'mcp-session-id': undefined },
  'an unknown session': { 'mcp-session-id': '00000000-0000-4000-8000-000000000000' },
  'an empty session id': { 'mcp-session-id': '' },
  'two faults': { accept: 'text/html', 'content-type': 'text/plain' },
  'no session and another Accept': { 'mcp-session-id': undefined, accept: 'text/html' },
  'an unknown session and version': { 'mcp-session-id': 'unknown', 'mcp-protocol-version': 'latest' },
};

/** Each kind of request with each of them. */
export const HEADER_CASES: Readonly<Record<string, readonly Step[]>> = Object.fromEntries(
  Object.entries(HEADERS).map(([name, headers]) => [
    name,
    inTurn(
      postOf(call('echo', { value: 'x' }), headers),
      postOf({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' }, headers),
      postOf(initialize().body, { ...headers, 'mcp-session-id': headers['mcp-session-id'] }),
      bare('DELETE', { ...headers, 'content-type': undefined }),
      postOf(request('ping')),
    ),
  ]),
);

/** A stream that is asked for with each of them. */
export const LISTEN_CASES: Readonly<Record<string, readonly Step[]>> = Object.fromEntries(
  Object.entries(HEADERS).map(([name, { 'content-type': _, 'transfer-encoding': __, expect: ___, ...headers }]) => [
    name,
    [...inTurn(), { send: bare('GET', headers) }, { opened: 2 }],
  ]),
);
