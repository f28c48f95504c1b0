import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { STALL_MS } from './answers.ts';

export type StreamKind = (typeof STREAM_KINDS)[number];

/** `sse`: a whole session of the HTTP+SSE transport. */
export const STREAM_KINDS = ['standalone', 'request', 'listen', 'sse'] as const;

/** A stream as the process sees it. */
export interface OpenStream {
  readonly kind: StreamKind;
  /** Keeps idle proxies from closing it. */
  keepAlive(): void;
}

/** What a stream tells the process: that it is open, and that it is not any more. */
export interface StreamRegistry {
  add(stream: OpenStream): void;
  remove(stream: OpenStream): void;
}

/** Asks the client to come back after so many milliseconds. */
export const retryFrame = (milliseconds: number): string => `retry: ${Math.round(milliseconds)}\n\n`;

export interface EventStreamOptions {
  readonly kind: StreamKind;
  /** Unread bytes after which a reader counts as too slow and is cut. */
  readonly maxBuffer: number;
  readonly registry: StreamRegistry;
  readonly headers?: OutgoingHttpHeaders;
  /** Called once, however the stream ends. */
  readonly onClose?: (stream: EventStream) => void;
}

/** One server-sent-events response: framing, keep-alive comments, and an end to readers that do not read. */
export class EventStream implements OpenStream {
  readonly kind: StreamKind;
  readonly #res: ServerResponse;
  readonly #maxBuffer: number;
  #closed = false;
  #catchingUp: Promise<void> | undefined;

  constructor(res: ServerResponse, options: EventStreamOptions) {
    this.kind = options.kind;
    this.#res = res;
    this.#maxBuffer = options.maxBuffer;
    res.writeHead(200, {
      ...options.headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    options.registry.add(this);
    res.once('close', () => {
      this.#closed = true;
      options.registry.remove(this);
      options.onClose?.(this);
    });
    // Node ends the socket when this passes without a byte moved; keep-alives move some where a reader reads.
    res.setTimeout(STALL_MS);
    // A proxy or client that waits for the first byte must not wait for the first event.
    res.flushHeaders();
  }

  /** Sends one message; the promise, if there is one, ends when the reader has caught up or is gone. */
  message(data: string, id?: string): Promise<void> | undefined {
    return this.raw(`${id === undefined ? '' : `id: ${id}\n`}event: message\ndata: ${data}\n\n`);
  }

  /** Gives the client a place to resume from and the time to wait before it does (MCP 2025-11-25, SEP-1699). */
  prime(id: string, retryMilliseconds: number): void {
    this.raw(`id: ${id}\nretry: ${retryMilliseconds}\ndata: \n\n`);
  }

  /** Tells the client how long to wait before it comes back. */
  retry(milliseconds: number): void {
    this.raw(retryFrame(milliseconds));
  }

  /** Keeps idle proxies from closing the stream. */
  keepAlive(): void {
    if (this.#res.writableLength === 0) this.raw(': keepalive\n\n');
  }

  /** Writes a frame, or bytes of frames, as they are. */
  raw(frame: string | Uint8Array): Promise<void> | undefined {
    if (this.#closed || this.#res.writableEnded) return undefined;
    if (this.#unread(this.#maxBuffer)) {
      this.cut();
      return undefined;
    }
    this.#res.write(frame);
    // Below its high-water mark Node would never say that the reader has caught up.
    const tolerated = Math.max(this.#maxBuffer / 2, this.#res.writableHighWaterMark);
    return this.#unread(tolerated) ? this.#caughtUp() : undefined;
  }

  end(): void {
    if (!this.#closed) this.#res.end();
  }

  /** Ends it for a reader that has another stream now: one that left bytes unread is not waited for. */
  leave(retry?: number): void {
    if (this.#res.writableLength > 0) return this.cut();
    if (retry !== undefined) this.retry(retry);
    this.end();
  }

  /** Ends the socket without waiting for a reader that does not read. */
  cut(): void {
    this.#res.destroy();
  }

  /** Whether more than so many bytes wait for the reader. */
  #unread(bytes: number): boolean {
    if (this.#res.writableLength <= bytes) return false;
    // Node holds what is written in one turn back until its end; that is no fault of the reader's.
    this.#res.socket?.uncork();
    return this.#res.writableLength > bytes;
  }

  #caughtUp(): Promise<void> {
    this.#catchingUp ??= new Promise((resolve) => {
      const done = () => {
        this.#res.off('drain', done).off('close', done);
        this.#catchingUp = undefined;
        resolve();
      };
      this.#res.once('drain', done).once('close', done);
    });
    return this.#catchingUp;
  }
}
