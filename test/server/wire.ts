import type { JsonRpcMessage } from '../../src/protocol/json-rpc.ts';

export const JSON_AND_EVENTS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
export const VERSION = '2025-11-25';
export const MODERN = '2026-07-28';

/** An `initialize` request, as a client of the legacy era sends it. */
export function initialize(version = VERSION) {
  const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  return { jsonrpc: '2.0', id: 'init', method: 'initialize', params };
}

/** A tool call of the legacy era. */
export function toolCall(id: number | string, name: string, args: Record<string, unknown> = {}) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } };
}

export function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(url, {
    method: 'POST',
    headers: { ...JSON_AND_EVENTS, ...headers },
    body: text,
    ...(signal && { signal }),
  });
}

/** Opens a session and answers its id; throws with the status when it is refused. */
export async function openSession(url: string, version = VERSION): Promise<string> {
  const response = await post(url, initialize(version));
  const text = await response.text();
  const id = response.headers.get('mcp-session-id');
  if (response.status !== 200 || id === null) throw new Error(`initialize answered ${response.status}: ${text}`);
  return id;
}

export const inSession = (id: string) => ({ 'mcp-session-id': id, 'mcp-protocol-version': VERSION });

/** A modern request with its envelope and headers. */
export function modernPost(url: string, method: string, params: Record<string, unknown> = {}, signal?: AbortSignal) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const name = typeof params['name'] === 'string' ? { 'mcp-name': params['name'] } : {};
  const headers = { 'mcp-protocol-version': MODERN, 'mcp-method': method, ...name };
  return post(url, { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } }, headers, signal);
}

export const modernCall = (url: string, name: string, args: Record<string, unknown> = {}, signal?: AbortSignal) =>
  modernPost(url, 'tools/call', { name, arguments: args }, signal);

export interface ServerEvent {
  readonly id?: string;
  readonly retry?: number;
  readonly data: string;
}

/** The events of a stream as they come; comments are left out. */
export async function* events(response: Response): AsyncGenerator<ServerEvent> {
  let rest = '';
  for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
    rest += chunk;
    for (let end = rest.indexOf('\n\n'); end !== -1; end = rest.indexOf('\n\n')) {
      const frame = rest.slice(0, end);
      rest = rest.slice(end + 2);
      if (!frame.startsWith(':')) yield parseFrame(frame);
    }
  }
}

function parseFrame(frame: string): ServerEvent {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
  const [id, retry] = [field('id'), field('retry')];
  return {
    ...(id !== undefined && { id }),
    ...(retry !== undefined && { retry: Number(retry) }),
    data: field('data') ?? '',
  };
}

/** The message in an event, or `undefined` in a priming one. */
export const messageIn = (event: ServerEvent) =>
  event.data === '' ? undefined : (JSON.parse(event.data) as JsonRpcMessage);
