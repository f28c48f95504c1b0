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

/** What costs less as a string, in characters. */
const SHORT_FRAME = 1_024;

/** A frame that waits for the reader to take what is before it. */
interface WaitingFrame {
  readonly frame: string | Uint8Array;
  /** What it counts against the buffer, as long as it waits. */
  readonly size: number;
  /** Told when it is written, with what its sender may wait for then; or with nothing, when the reader is gone. */
  written(taken: Promise<void> | undefined): void;
}

export interface EventStreamOptions {
  readonly kind: StreamKind;
  /** Unread bytes after which senders that do not wait for the reader have it cut. */
  readonly maxBuffer: number;
  readonly registry: StreamRegistry;
  readonly headers?: OutgoingHttpHeaders;
  /** Called once, however the stream ends. */
  readonly onClose?: (stream: EventStream) => void;
}

/**
 * One server-sent-events response: framing, keep-alive comments, and an end to readers that do not read. Frames are
 * written at the reader's pace and in the order in which they came.
 */
export class EventStream implements OpenStream {
  readonly kind: StreamKind;
  readonly #res: ServerResponse;
  readonly #maxBuffer: number;
  #closed = false;
  #ending = false;
  #catchingUp: Promise<void> | undefined;
  /** In order; empty unless the reader is catching up. Taking the first of a long array would cost its length. */
  readonly #waiting = new Set<WaitingFrame>();
  /** What waits of senders that may not wait for the reader. */
  #held = 0;

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
      for (const { written } of this.#waiting) written(undefined);
      this.#waiting.clear();
      options.registry.remove(this);
      options.onClose?.(this);
    });
    // Node ends the socket when this passes without a byte moved; keep-alives move some where a reader reads.
    res.setTimeout(STALL_MS);
    // A proxy or client that waits for the first byte must not wait for the first event.
    res.flushHeaders();
  }

  /**
   * Sends one message; the promise, if there is one, ends when the reader has caught up or is gone. Who does not wait for
   * that and goes beyond the buffer has the reader cut.
   */
  message(data: string, id?: string): Promise<void> | undefined {
    return this.raw(messageFrame(data, id));
  }

  /**
   * Sends one message of which there are only so many, whatever the reader does: an answer to a request in flight, or
   * what is in a log. However much of it is unread, the reader is not cut for that.
   */
  queue(data: string, id?: string): Promise<void> | undefined {
    return this.#send(messageFrame(data, id), 'uncounted');
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
    return this.#send(frame, 'counted');
  }

  /** Ends it once all is written. */
  end(): void {
    this.#ending = true;
    if (!this.#closed && this.#waiting.size === 0) this.#res.end();
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

  /** Whether it counts against the buffer should it have to wait. */
  #send(frame: string | Uint8Array, counts: 'counted' | 'uncounted'): Promise<void> | undefined {
    if (this.#closed || this.#ending) return undefined;
    if (this.#catchingUp === undefined) return this.#write(frame);
    const size = counts === 'counted' ? Buffer.byteLength(frame) : 0;
    if (size > 0 && this.#overrun) {
      this.cut();
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add({ frame, size, written: resolve });
    this.#held += size;
    return promise;
  }

  /** Unread bytes beyond which all that comes waits. Below its high-water mark Node would never say when to go on. */
  get #tolerated(): number {
    return Math.max(this.#maxBuffer / 2, this.#res.writableHighWaterMark);
  }

  /** A long answer that is being written is no fault of those who send meanwhile. */
  get #overrun(): boolean {
    return this.#held + Math.min(this.#res.writableLength, this.#tolerated) > this.#maxBuffer;
  }

  #write(frame: string | Uint8Array): Promise<void> | undefined {
    // Of a string the socket would keep a copy beside it, as long as its reader does not read.
    this.#res.write(typeof frame === 'string' && frame.length > SHORT_FRAME ? Buffer.from(frame) : frame);
    return this.#unread(this.#tolerated) ? this.#caughtUp() : undefined;
  }

  #writeWaiting(): void {
    for (const next of this.#waiting) {
      if (this.#catchingUp !== undefined) return;
      this.#waiting.delete(next);
      this.#held -= next.size;
      next.written(this.#write(next.frame));
    }
    if (this.#ending) this.end();
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
        this.#writeWaiting();
        resolve();
      };
      this.#res.once('drain', done).once('close', done);
    });
    return this.#catchingUp;
  }
}

function messageFrame(data: string, id: string | undefined): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: message\ndata: ${data}\n\n`;
}
