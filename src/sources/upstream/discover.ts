import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { SERVER_INFO_META_KEY } from '@modelcontextprotocol/server';
import { DISCOVER, MODERN_VERSION } from '../bridge/discover-request.ts';
import { EventReader, MessageTooLong } from './event-reader.ts';
import { kindOf, messagesIn, readText } from './read-answer.ts';
import type { UpstreamDoor } from './upstream-door.ts';

/** What is known of whether an upstream speaks the modern era; `guarded`: it wants to see a credential first. */
export type ModernVerdict = 'modern' | 'legacy' | 'guarded' | 'unknown';

/** What an upstream answered to `server/discover`. */
export interface Discovery {
  readonly verdict: ModernVerdict;
  readonly serverInfo?: { readonly name: string; readonly version: string };
}

const LIMIT_MS = 5_000;
/** Bytes; it is a list of capabilities. */
const MAX_ANSWER = 1024 * 1024;
/** Statuses that say nothing about the era: overload, a proxy without its server. */
const TRANSIENT = new Set([408, 425, 429]);

/** Asks an upstream whether it speaks the modern era (MCP 2026-07-28, discovery). Never rejects. */
export async function discover(door: UpstreamDoor, credentials: OutgoingHttpHeaders): Promise<Discovery> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  try {
    const answer = await door.send({
      method: 'POST',
      headers: {
        ...credentials,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'accept-encoding': 'identity',
        'mcp-protocol-version': MODERN_VERSION,
        'mcp-method': DISCOVER.method,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'berth-discover', ...DISCOVER }),
      signal,
      repeatable: true,
    });
    return await read(answer);
  } catch (error) {
    // What talks without end has not understood.
    return { verdict: error instanceof MessageTooLong ? 'legacy' : 'unknown' };
  }
}

async function read(answer: IncomingMessage): Promise<Discovery> {
  const status = answer.statusCode ?? 0;
  if (status !== 200) {
    answer.resume();
    if (status === 401 || status === 403) return { verdict: 'guarded' };
    return { verdict: status >= 500 || TRANSIENT.has(status) ? 'unknown' : 'legacy' };
  }
  const text = await readText(answer, MAX_ANSWER);
  const texts = kindOf(answer) === 'events' ? eventsIn(text) : [text];
  for (const message of texts.flatMap(messagesIn)) {
    if (!('result' in message)) continue;
    const { supportedVersions, _meta } = message.result as Readonly<Record<string, unknown>>;
    if (!Array.isArray(supportedVersions) || !supportedVersions.includes(MODERN_VERSION)) continue;
    const info = (_meta as Readonly<Record<string, unknown>> | undefined)?.[SERVER_INFO_META_KEY];
    return { verdict: 'modern', ...(isServerInfo(info) && { serverInfo: info }) };
  }
  return { verdict: 'legacy' };
}

function eventsIn(text: string): string[] {
  return [...new EventReader(MAX_ANSWER).push(Buffer.from(`${text}\n\n`))].map(({ data }) => data);
}

function isServerInfo(value: unknown): value is { name: string; version: string } {
  const { name, version } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return typeof name === 'string' && typeof version === 'string';
}
