import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { optionsFor } from './dial.ts';

/** An answer to one request, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** How long any single request of a test may take, in milliseconds. */
const PATIENCE = 15_000;

/** One HTTP request, with nothing between it and the socket: no retry, no redirect. */
export async function send(
  route: ReturnType<typeof optionsFor>,
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<Answer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(url, { ...route, method, headers, signal: AbortSignal.timeout(PATIENCE) });
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end(body);
  });
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
}

const JSON_RPC = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' } as const;
const CLIENT = { name: 'cluster-test', version: '1' } as const;

/** The legacy era: a POST within a session, or the one that opens it. */
export function legacyMessage(method: string, params: object, id?: number, session?: string) {
  return {
    headers: {
      ...JSON_RPC,
      ...(session === undefined ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', method, params, ...(id === undefined ? {} : { id }) }),
  };
}

export const initializeMessage = () =>
  legacyMessage('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: CLIENT }, 0);

/** The modern era: a call that says everything about itself. */
export function modernCall(tool: string, args: object, id: number) {
  const version = '2026-07-28';
  return {
    headers: { ...JSON_RPC, 'mcp-protocol-version': version, 'mcp-method': 'tools/call', 'mcp-name': tool },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: {
        name: tool,
        arguments: args,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': version,
          'io.modelcontextprotocol/clientInfo': CLIENT,
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
  };
}

/** The result of a call, out of a JSON answer or out of a stream; `undefined` when there is none, or an error. */
export function resultOf(answer: Answer): unknown {
  const json = answer.headers['content-type']?.startsWith('text/event-stream')
    ? answer.body
        .split('\n')
        .filter((line) => line.startsWith('data: {'))
        .map((line) => line.slice('data: '.length))
    : [answer.body];
  for (const message of json) {
    const parsed = JSON.parse(message) as { readonly result?: unknown; readonly id?: unknown };
    if (parsed.id !== undefined) return parsed.result;
  }
  return undefined;
}

/** What a refusal says of itself, in short. */
export function reasonOf(body: string): string {
  return /"reason":"([a-z-]+)"/.exec(body)?.[1] ?? body.slice(0, 80);
}
