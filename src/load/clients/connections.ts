import { type Answer, HttpConnection, type HttpConnectionOptions, type StreamListener } from '../http-connection.ts';

/** The connections of a client of Streamable HTTP: one for its calls, and another for its stream once it holds one. */
export class Connections {
  readonly calls: HttpConnection;
  readonly #url: URL;
  readonly #options: HttpConnectionOptions;
  #stream: HttpConnection | undefined;
  #readRate: number | undefined;

  constructor(url: URL, options: HttpConnectionOptions) {
    this.#url = url;
    this.#options = options;
    this.calls = new HttpConnection(url, options);
  }

  /** Opens the stream and holds it, as `HttpConnection` does. */
  hold(bytes: Buffer, listener: StreamListener): Promise<Answer> {
    this.#stream = new HttpConnection(this.#url, this.#options);
    if (this.#readRate !== undefined) this.#stream.slowDown(this.#readRate);
    return this.#stream.hold(bytes, listener);
  }

  get holding(): boolean {
    return this.#stream?.busy ?? false;
  }

  slowDown(bytesPerSecond: number): void {
    this.#readRate = bytesPerSecond;
    this.calls.slowDown(bytesPerSecond);
    this.#stream?.slowDown(bytesPerSecond);
  }

  closeStream(): void {
    this.#stream?.close();
  }

  close(): void {
    this.closeStream();
    this.calls.close();
  }
}
