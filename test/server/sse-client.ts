import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { onTestFinished } from 'vitest';
import type { JsonRpcMessage, JsonRpcResponse } from '../../src/protocol/json-rpc.ts';
import { eventually } from './running.ts';
import { initialize } from './wire.ts';

/** One frame of a stream, by its fields; a comment has the field ''. */
export type Frame = Readonly<Record<string, string>>;

/** An open stream of HTTP+SSE, spoken to by hand; it closes with the test. */
export class SseStream {
  readonly frames: Frame[] = [];
  /** Absolute, once the first event has come. */
  endpoint = '';
  over = false;
  readonly #origin: string;
  readonly #gone = new AbortController();
  readonly status: number;
  readonly headers: Headers;

  constructor(origin: string, answer: Response, gone: AbortController) {
    this.#origin = origin;
    this.#gone = gone;
    this.status = answer.status;
    this.headers = answer.headers;
    void this.#read(answer).catch(() => {
      this.over = true;
    });
  }

  get id(): string {
    return new URL(this.endpoint).searchParams.get('sessionId') ?? '';
  }

  get messages(): JsonRpcMessage[] {
    return this.frames.filter(({ event }) => event === 'message').map(({ data = '' }) => JSON.parse(data));
  }

  /** Sends a message, to another pod if one is named. */
  post(message: unknown, origin = this.#origin): Promise<Response> {
    const { pathname, search } = new URL(this.endpoint);
    const body = typeof message === 'string' ? message : JSON.stringify(message);
    return fetch(origin + pathname + search, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  }

  /** The answer to a request, once it has come. */
  async answer(id: string | number): Promise<JsonRpcResponse> {
    const find = () => this.messages.find((message) => !('method' in message) && message.id === id);
    return (await eventually(find, (found) => found !== undefined)) as JsonRpcResponse;
  }

  async call(message: { readonly id: string | number }, origin?: string): Promise<JsonRpcResponse> {
    const answer = await this.post(message, origin);
    if (answer.status !== 202) throw new Error(`POST was answered ${answer.status}: ${await answer.text()}`);
    return await this.answer(message.id);
  }

  /** Introduces itself, as clients do first of all. */
  async initialize(): Promise<this> {
    await this.call(initialize('2024-11-05'));
    await this.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return this;
  }

  leave(): void {
    this.#gone.abort();
  }

  async #read(answer: Response): Promise<void> {
    let rest = '';
    for await (const chunk of (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      rest += chunk;
      const whole = rest.split('\n\n');
      rest = whole.pop() ?? '';
      for (const text of whole) this.frames.push(frameOf(text));
      const first = this.frames.find(({ event }) => event === 'endpoint')?.['data'];
      if (first !== undefined) this.endpoint = new URL(first, this.#origin).href;
    }
    this.over = true;
  }
}

function frameOf(text: string): Frame {
  return Object.fromEntries(text.split('\n').map((line) => /^(.*?): ?(.*)$/.exec(line)?.slice(1) ?? [line, '']));
}

/** Asks for a stream; one that was opened has its endpoint. */
export async function openSse(origin: string, headers: Record<string, string> = {}): Promise<SseStream> {
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const answer = await fetch(`${origin}/sse`, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: gone.signal,
  });
  if (answer.status !== 200) throw new Refused(answer.status, answer.headers, await answer.text());
  const stream = new SseStream(origin, answer, gone);
  await eventually(
    () => stream.endpoint,
    (endpoint) => endpoint !== '',
  );
  return stream;
}

/** A stream was not opened. */
export class Refused extends Error {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;

  constructor(status: number, headers: Headers, text: string) {
    super(`GET /sse was answered ${status}: ${text}`);
    this.status = status;
    this.headers = headers;
    this.body = JSON.parse(text);
  }
}

/** Connects the old SDK's client of HTTP+SSE; it closes with the test. */
export async function connectSse(origin: string, client = new Client({ name: 'old', version: '1' })) {
  const transport = new SSEClientTransport(new URL(`${origin}/sse`));
  // The SDK's classes do not satisfy their own interface under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client['connect']>[0]);
  onTestFinished(() => client.close());
  return client;
}

export const textIn = (answer: JsonRpcResponse) =>
  'result' in answer ? (answer.result as { content: { text: string }[] }).content[0]?.text : undefined;
