import type { HttpConnectionOptions, StreamListener } from '../http-connection.ts';
import type { Outcome } from '../outcome.ts';
import type { Call, Fields } from '../requests.ts';

/**
 * How a client speaks: `legacy` has a session (MCP 2025-11-25), `modern` asks each question for itself (MCP 2026-07-28),
 * `sse` has a stream that is its session (MCP 2024-11-05, HTTP+SSE).
 */
export type Era = (typeof ERAS)[number];
export const ERAS = ['legacy', 'modern', 'sse'] as const;

/** One client that makes one call at a time. */
export interface Client {
  /** Introduces itself; rejects with a RequestFailed or a ConnectionError. */
  open(): Promise<void>;
  /** Holds a stream open, where opening has not done so; rejects as `open` does. */
  hold(): Promise<void>;
  /** Asks once and resolves with the result; rejects as `open` does. */
  ask(call: Call): Promise<Readonly<Record<string, unknown>>>;
  /** Makes ready for `call`; the session must be open. */
  prepare(call: Call): void;
  /** Makes the prepared call; never rejects for what the server does. */
  call(): Promise<Outcome>;
  /** Whether a stream of it is open. */
  readonly holding: boolean;
  /** Whether the server has said that it does not know this client any more. */
  readonly lost: boolean;
  /** Reads so many bytes a second from now on. */
  slowDown(bytesPerSecond: number): void;
  /** Takes its leave as the protocol has it, then closes its connections. Never rejects for what the server does. */
  close(): Promise<void>;
  /** Closes its connections without a word. */
  vanish(): void;
}

export interface ClientOptions {
  readonly url: URL;
  readonly headers: Fields;
  readonly connection: HttpConnectionOptions;
  /** Is told of the streams that this client holds. */
  readonly stream: StreamCounter;
}

/** Is told of streams that are held. */
export interface StreamCounter extends Pick<StreamListener, 'onBytes' | 'onEnd'> {
  onOpen(): void;
  onEvent(): void;
}

export const CLIENT_INFO = { name: 'berth-load', version: '1' };
export const JSON_FIELDS: Fields = {
  'Content-Type': 'application/json',
  Accept: 'application/json, text/event-stream',
};
