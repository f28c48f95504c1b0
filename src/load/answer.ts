import type { Answer } from './http-connection.ts';
import type { Outcome } from './outcome.ts';

const RESULT: Outcome = { kind: 'result' };
const TOOL_ERROR: Outcome = { kind: 'tool-error' };
const NO_ANSWER: Outcome = { kind: 'connection', code: 'not-json-rpc' };

/** What the answer to the JSON-RPC request `id` says. */
export function outcomeOf({ status, body }: Answer, id: number): Outcome {
  return status === 200 ? outcomeOfText(body, id) : { kind: 'http', status };
}

/** What a text says as the answer to the JSON-RPC request `id`: anything else is `not-json-rpc`. */
export function outcomeOfText(text: string, id: number): Outcome {
  return outcomeIn(text, id) ?? NO_ANSWER;
}

/** Whether a message of the server's is the answer to the JSON-RPC request `id`. */
export function answersRequest(text: string, id: number): boolean {
  return outcomeIn(text, id) !== undefined;
}

function outcomeIn(text: string, id: number): Outcome | undefined {
  // As servers write nearly all answers; to search a long one takes a tenth of what parsing it would.
  const plain = text.startsWith('{') && text.includes(`"id":${id}`) && text.includes('"result":{');
  if (plain && !text.includes('"error":') && !text.includes('"method":') && !text.includes('"isError":')) return RESULT;
  const message = parseObject(text);
  if (message === undefined || 'method' in message) return undefined;
  const { error, result } = message as { error?: { code?: unknown }; result?: { isError?: unknown } };
  if (typeof error?.code === 'number' && (message['id'] === id || message['id'] == null)) {
    return { kind: 'json-rpc', code: error.code };
  }
  if (typeof result !== 'object' || result === null || message['id'] !== id) return undefined;
  return result.isError === true ? TOOL_ERROR : RESULT;
}

/** The result in an answer that has one. */
export function resultOf(text: string): Readonly<Record<string, unknown>> {
  // Until here each character was a byte.
  const message = parseObject(Buffer.from(text, 'latin1').toString());
  return (message?.['result'] ?? {}) as Record<string, unknown>;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not JSON is one of the things that a server may say.
    return undefined;
  }
}
