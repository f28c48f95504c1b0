import fc from 'fast-check';
import { MODERN } from './wire.ts';

/** A request as it goes over the wire. */
export interface WireRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const META = 'io.modelcontextprotocol/';

/** What a client of the modern era says with each request. */
export const ENVELOPE = {
  [`${META}protocolVersion`]: MODERN,
  [`${META}clientInfo`]: { name: 'test', version: '1' },
  [`${META}clientCapabilities`]: {},
};

/** As a header says what has no place in a header. */
const encoded = (value: string) => `=?base64?${Buffer.from(value).toString('base64')}?=`;

const CALLS: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  'tools/call': [
    { name: 'echo', arguments: { value: 'x' } },
    { name: 'echo', arguments: { value: 5 } },
    { name: 'echo', arguments: 'x' },
    { name: 'echo' },
    { name: 'bare' },
    { name: 'structured', arguments: { n: 3 } },
    { name: 'structured', arguments: {} },
    { name: 'empty' },
    { name: 'whoami' },
    { name: 'nobody' },
    { name: '__proto__' },
    { name: encoded('echo') },
    { name: 'constructor', arguments: {} },
    { name: 5 },
    {},
    { name: 'throw' },
    { name: 'refuse' },
    { name: 'misshapen' },
    { name: 'leave' },
    { name: 'talk-and-leave' },
    { name: 'talk', arguments: { count: 0 } },
    { name: 'talk', arguments: { count: 3 } },
    { name: 'ask', arguments: { question: 'who?' } },
    {
      name: 'ask',
      arguments: { question: 'who?' },
      requestState: 'round 1',
      inputResponses: { name: { action: 'decline' } },
    },
    { name: 'ask', arguments: { question: 'who?' }, requestState: 'forged' },
    { name: 'ask', arguments: { question: 'who?' }, requestState: 5 },
    { name: 'ask', arguments: { question: 'who?' }, inputResponses: 'x' },
    { name: 'regional', arguments: { region: 'eu' } },
    { name: 'regional', arguments: {} },
    { name: 'guarded' },
    { name: 'open' },
    { name: 'badly-guarded' },
    { name: 'unguarded' },
  ],
  'tools/list': [{}, { cursor: 'x' }],
  'prompts/list': [{}],
  'prompts/get': [{ name: 'greet', arguments: { name: 'Ada' } }, { name: 'greet' }, { name: 'nobody' }, {}],
  'resources/list': [{}],
  'resources/templates/list': [{}],
  'resources/read': [{ uri: 'note://one' }, { uri: 'item://7' }, { uri: 'note://two' }, { uri: 'no uri' }, {}],
  'completion/complete': [
    { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'name', value: 'A' } },
    { ref: { type: 'ref/prompt', name: 'nobody' }, argument: { name: 'name', value: 'A' } },
    {},
  ],
  'server/discover': [{}],
  'x/own': [{ n: 2 }, { n: 'two' }, {}],
  'x/fails': [-32601, -32600, -32602, -32603, -32002, -32020, -32021, -32022, 7].map((code) => ({ code })),
  'x/unknown': [{}],
  // Of the legacy era.
  ping: [{}],
  initialize: [{}],
  'logging/setLevel': [{ level: 'info' }],
  'tasks/get': [{ taskId: 't' }, {}],
};

/** Every call once, just as a client sends it. */
export const PLAIN_CALLS: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = Object.entries(
  CALLS,
).flatMap(([method, all]) => all.map((params) => [method, params] as const));

/** A request as a client sends it, with what else its envelope and headers say. */
export function wireRequest(
  method: string,
  params: Readonly<Record<string, unknown>>,
  id: string | number = 1,
  meta: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): WireRequest {
  return {
    headers: { ...headersFor(method, params), ...headers },
    body: { jsonrpc: '2.0', id, method, params: { ...params, _meta: { ...ENVELOPE, ...meta } } },
  };
}

function headersFor(method: string, params: Readonly<Record<string, unknown>>): Record<string, string> {
  const name = params['name'] ?? params['uri'] ?? params['taskId'];
  const named =
    ['tools/call', 'prompts/get', 'resources/read', 'tasks/get'].includes(method) && typeof name === 'string';
  return { 'mcp-protocol-version': MODERN, 'mcp-method': method, ...(named && { 'mcp-name': name }) };
}

/** Wrong and odd values by header; `undefined` leaves it out. */
const HEADERS: Readonly<Record<string, readonly (string | undefined)[]>> = {
  'mcp-protocol-version': [undefined, '2025-11-25', '2099-01-01', 'x'],
  'mcp-method': [undefined, 'tools/list', 'TOOLS/CALL', ''],
  'mcp-name': [undefined, 'bare', encoded('echo'), encoded('regional'), '=?base64?*?=', '=?', ''],
  'mcp-param-region': ['eu', 'us', encoded('eu')],
  'content-type': [
    'application/json; charset=utf-8',
    'application/json;x=y',
    'application/json; a=b, text/plain',
    'Application/JSON',
  ],
  'user-agent': ['somebody'],
  'last-event-id': ['5'],
};

const META_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  [`${META}protocolVersion`]: [undefined, '2025-11-25', '2099-01-01', 5, null],
  [`${META}clientInfo`]: [undefined, { name: 'somebody', version: '2' }, { name: 5 }, null],
  [`${META}clientCapabilities`]: [
    undefined,
    { elicitation: {} },
    { elicitation: { form: {} }, sampling: {} },
    'all',
    null,
  ],
  [`${META}logLevel`]: ['debug', 'warning', 'emergency', 'loud', 5],
  [`${META}other`]: ['x'],
  progressToken: ['p', 7, {}, null],
  mine: [{ a: 1 }],
};

const changes = <T>(table: Readonly<Record<string, readonly T[]>>) =>
  fc.uniqueArray(
    fc
      .constantFrom(...Object.keys(table))
      .chain((key) => fc.tuple(fc.constant(key), fc.constantFrom(...(table[key] as readonly T[])))),
    { maxLength: 2, selector: ([key]) => key },
  );

const odd = fc.constantFrom<Readonly<Record<string, unknown>>>(
  ...[
    {},
    {},
    {},
    {},
    {},
    {},
    { extra: 1 },
    { jsonrpc: '1.0' },
    { id: null },
    { id: 1.5 },
    { params: 'x' },
    { result: {} },
  ],
);

/** Modern requests, most with something wrong or rare about them. */
export const anyRequest: fc.Arbitrary<WireRequest> = fc
  .record({
    call: fc.constantFrom(...PLAIN_CALLS),
    id: fc.oneof(fc.integer(), fc.string()),
    headers: changes(HEADERS),
    meta: changes(META_VALUES),
    odd,
  })
  .map(({ call: [method, params], id, headers, meta, odd }) => {
    const request = wireRequest(method, params, id);
    const { params: told, ...rest } = request.body as { readonly params: { readonly _meta: object } };
    const _meta = withChanges(told._meta, meta);
    const body = { ...rest, params: { ...told, _meta }, ...odd };
    return {
      headers: withChanges(request.headers, headers) as Record<string, string>,
      body,
      claims: `${META}protocolVersion` in _meta && method !== 'initialize' && Object.keys(odd).length === 0,
    };
  })
  // What shows no sign of the modern era belongs to the legacy one, which the reference does not serve.
  .filter(({ headers, claims }) => claims || ['2099-01-01', MODERN].includes(headers['mcp-protocol-version'] ?? ''));

function withChanges(record: object, list: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const changed: Record<string, unknown> = { ...record };
  for (const [key, value] of list) {
    if (value === undefined) delete changed[key];
    else changed[key] = value;
  }
  return changed;
}
