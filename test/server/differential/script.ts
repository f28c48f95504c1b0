import type { LegacyNotes } from './legacy-module.ts';

/** A server that scripts are played against. */
export interface Side {
  readonly url: string;
  readonly notes: LegacyNotes;
  /** What happens to it while the client does nothing. */
  readonly between?: () => Promise<unknown>;
}

/**
 * A request as it goes over the wire. `$0` in place of a session id means the one that the first request was given;
 * `$asked:0` in place of an id means that of the last question that came with the answer to the first request.
 */
export interface SentRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What a client does or waits for; requests are numbered as they are sent. */
export type Step =
  | { readonly send: SentRequest }
  /** The headers of this response have come. */
  | { readonly opened: number }
  /** So many messages have come with this response. */
  | { readonly heard: number; readonly messages: number }
  | { readonly ended: number }
  /** The client goes away from this response. */
  | { readonly leave: number }
  /** So many calls of the tool `hold` run. */
  | { readonly holding: number }
  /** Come back with the id of the last event of this response, or without its last so many. */
  | { readonly resume: number; readonly without?: number };

/** What a client got for one request. */
export interface Observed {
  readonly status: number;
  readonly type: 'json' | 'events' | 'none' | string;
  /** Whether a session id came along. */
  readonly session: boolean;
  readonly allow?: string;
  /** Each JSON-RPC message, one by one; what is no JSON as it is. */
  readonly messages: readonly unknown[];
  /** Whether a first event without a message gave the stream a place to resume from. */
  readonly primed: boolean;
  /** Messages that came with an event id. */
  readonly numbered: number;
  /** Whether the headers were long in coming. */
  readonly late: boolean;
  readonly ended: 'itself' | 'with the session' | 'left' | 'never';
}

/** What a script sends, in order; a stream that is resumed names the request that it belonged to first. */
export function requestsOf(
  steps: readonly Step[],
): readonly { readonly sent: SentRequest; readonly resumes?: number }[] {
  return steps.flatMap((step) => {
    if ('send' in step) return [{ sent: step.send }];
    return 'resume' in step ? [{ sent: bare('GET', { 'last-event-id': 'of an event' }), resumes: step.resume }] : [];
  });
}

/** What is in a body, one by one if it is a batch; nothing if it is no JSON. */
export function partsOf({ body = '' }: SentRequest): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(body);
    return Array.isArray(value) ? value : [value];
  } catch {
    return [];
  }
}

/** The messages in a body, and what resembles them. */
export function messagesIn(sent: SentRequest): readonly { readonly [key: string]: unknown }[] {
  return partsOf(sent).filter((part): part is Record<string, unknown> => typeof part === 'object' && part !== null);
}

export const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;

export const ACCEPT = 'application/json, text/event-stream';

export const ASKABLE = { sampling: {}, elicitation: {}, roots: { listChanged: true } };

/** `initialize` as a client sends it. */
export function initialize(version: string = VERSIONS[0], capabilities: object = ASKABLE): SentRequest {
  const params = { protocolVersion: version, capabilities, clientInfo: { name: 'test', version: '1' } };
  return { ...postOf({ jsonrpc: '2.0', id: 'init', method: 'initialize', params }), headers: POST_HEADERS };
}

const POST_HEADERS = { accept: ACCEPT, 'content-type': 'application/json' };

/** A POST in the first session, with what is different about it. */
export function postOf(body: unknown, headers: Headers = {}): SentRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const all = { ...POST_HEADERS, 'mcp-session-id': '$0', 'mcp-protocol-version': VERSIONS[0], ...headers };
  return { method: 'POST', headers: present(all), body: text };
}

/** A request without a body in the first session. */
export function bare(method: string, headers: Headers = {}): SentRequest {
  const all = { accept: 'text/event-stream', 'mcp-session-id': '$0', 'mcp-protocol-version': VERSIONS[0], ...headers };
  return { method, headers: present(all) };
}

function present(headers: Headers): Record<string, string> {
  const entries = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

export const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' };

export const request = (method: string, params?: unknown, id: unknown = 1) => ({ jsonrpc: '2.0', id, method, params });

export const call = (name: string, args: object = {}, id: unknown = 1, meta?: object) =>
  request('tools/call', { name, arguments: args, ...(meta && { _meta: meta }) }, id);

export const cancel = (requestId: unknown) => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId, reason: 'as asked' },
});

/** A session of which these requests are sent, each after the last one was answered. */
export function inTurn(...requests: readonly SentRequest[]): readonly Step[] {
  const all = [initialize(), postOf(INITIALIZED), ...requests];
  return all.flatMap((send, index) => [{ send }, { ended: index }]);
}

/** Headers that are different about a request; `undefined` leaves one out. */
export type Headers = Readonly<Record<string, string | undefined>>;
