import type { IncomingMessage } from 'node:http';
import { isMessage, type JsonRpcMessage } from '../../protocol/json-rpc.ts';
import { MessageTooLong } from './event-reader.ts';

/** The kinds of answer that MCP knows (MCP 2025-11-25, Streamable HTTP). */
export function kindOf({ headers }: IncomingMessage): 'json' | 'events' | 'other' {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'text/event-stream') return 'events';
  // Who names no type says JSON, as MCP does where it has a choice.
  return type === undefined || type === 'application/json' ? 'json' : 'other';
}

/** What an answer says of itself, for people who wonder why it was not understood. */
export function describe({ statusCode, headers }: IncomingMessage): string {
  const type = headers['content-type'] ?? 'none';
  const encoding = headers['content-encoding'];
  return `HTTP status ${statusCode}, Content-Type: ${type}${encoding === undefined ? '' : `, Content-Encoding: ${encoding}`}`;
}

/** The text of an answer of at most `limit` bytes. Throws `MessageTooLong`, or what broke it. */
export async function readText(answer: IncomingMessage, limit: number): Promise<string> {
  const { text, whole } = await read(answer, limit);
  if (!whole) throw new MessageTooLong(limit);
  return text;
}

/** The first `limit` bytes of an answer's text. */
export async function readBeginning(answer: IncomingMessage, limit: number): Promise<string> {
  return (await read(answer, limit)).text;
}

async function read(answer: IncomingMessage, limit: number): Promise<{ text: string; whole: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    chunks.push(chunk);
    // Leaving the loop destroys the answer.
    if (length > limit) break;
  }
  return { text: Buffer.concat(chunks).subarray(0, limit).toString('utf8'), whole: length <= limit };
}

/** The JSON-RPC messages in a text: one, or those of a batch; what is none is left out. */
export function messagesIn(text: string): JsonRpcMessage[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  return (Array.isArray(value) ? value : [value]).filter(isMessage);
}
