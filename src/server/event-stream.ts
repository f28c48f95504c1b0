import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

export type StreamKind = 'standalone' | 'request' | 'listen';

/** What a stream tells the process: that it is open, and that it is not any more. */
export interface StreamRegistry {
  add(stream: EventStream): void;
  remove(stream: EventStream): void;
}

export interface EventStreamOptions {
  readonly kind: StreamKind;
  /** Unread bytes after which a reader counts as too slow and is cut. */
  readonly maxBuffer: number;
  readonly registry: StreamRegistry;
  readonly headers?: OutgoingHttpHeaders;
  /** Called once, however the stream ends. */
  readonly onClose?: () => void;
}

/** One server-sent-events response: framing, keep-alive comments, and an end to readers that do not read. */
export class EventStream {
  readonly kind: StreamKind;
  readonly #res: ServerResponse;
  readonly #maxBuffer: number;
  #lastBacklog = 0;
  #closed = false;

  constructor(res: ServerResponse, options: EventStreamOptions) {
    this.kind = options.kind;
    this.#res = res;
    this.#maxBuffer = options.maxBuffer;
    options.registry.add(this);
    res.once('close', () => {
      this.#closed = true;
      options.registry.remove(this);
      options.onClose?.();
    });
    res.writeHead(200, {
      ...options.headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    // A proxy or client that waits for the first byte must not wait for the first event.
    res.flushHeaders();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends one message; the promise, if there is one, ends when the reader has caught up or is gone. */
  message(data: string, id?: string): Promise<void> | undefined {
    return this.raw(
      id === undefined ? `event: message\ndata: ${data}\n\n` : `id: ${id}\nevent: message\ndata: ${data}\n\n`,
    );
  }

  /** Gives the client a place to resume from and the time to wait before it does (MCP 2025-11-25, SEP-1699). */
  prime(id: string, retryMilliseconds: number): void {
    this.raw(`id: ${id}\nretry: ${retryMilliseconds}\ndata: \n\n`);
  }

  /** Tells the client how long to wait before it comes back. */
  retry(milliseconds: number): void {
    this.raw(`retry: ${Math.round(milliseconds)}\n\n`);
  }

  /** Keeps idle proxies from closing the stream, and cuts a reader that took nothing since the last two calls. */
  keepAlive(): void {
    const backlog = this.#res.writableLength;
    if (backlog > 0 && backlog >= this.#lastBacklog && this.#lastBacklog > 0) this.cut();
    this.#lastBacklog = backlog;
    if (backlog === 0) this.raw(': keepalive\n\n');
  }

  /** Writes a frame, or bytes of frames, as they are. */
  raw(frame: string | Uint8Array): Promise<void> | undefined {
    if (this.#closed || this.#res.writableEnded) return undefined;
    if (this.#res.writableLength > this.#maxBuffer) {
      this.cut();
      return undefined;
    }
    this.#res.write(frame);
    return this.#res.writableLength > this.#maxBuffer / 2 ? this.#caughtUp() : undefined;
  }

  end(): void {
    if (!this.#closed) this.#res.end();
  }

  /** Ends the socket without waiting for a reader that does not read. */
  cut(): void {
    this.#res.destroy();
  }

  #caughtUp(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#res.off('drain', done).off('close', done);
        resolve();
      };
      this.#res.once('drain', done).once('close', done);
    });
  }
}
