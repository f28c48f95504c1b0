import { answersRequest, outcomeOfText, resultOf } from '../answer.ts';
import { HttpConnection, isEventStream } from '../http-connection.ts';
import { ConnectionError, type Outcome, outcomeOfError, RequestFailed } from '../outcome.ts';
import { type Call, Ids, type RepeatedRequest, RequestEncoder } from '../requests.ts';
import { CLIENT_INFO, type Client, type ClientOptions, JSON_FIELDS } from './client.ts';

const VERSION = '2024-11-05';

/** Something that the stream is to bring: its first event, or the answer to a request. */
interface Waiting {
  readonly id: number | 'endpoint';
  resolve(text: string): void;
  reject(error: ConnectionError): void;
}

/** A client of HTTP+SSE (MCP 2024-11-05): its stream is its session, and brings the answers to what it posts. */
export class SseClient implements Client {
  readonly #options: ClientOptions;
  readonly #encoder: RequestEncoder;
  readonly #ids = new Ids();
  readonly #posts: HttpConnection;
  readonly #stream: HttpConnection;
  #path = '';
  #waiting: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #prepared: RepeatedRequest | undefined;
  lost = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#encoder = new RequestEncoder(options.url, options.headers);
    this.#posts = new HttpConnection(options.url, options.connection);
    this.#stream = new HttpConnection(options.url, options.connection);
  }

  async open(): Promise<void> {
    const { url, stream } = this.#options;
    const endpoint = this.#wait('endpoint');
    // Nobody waits for it when the stream is refused.
    endpoint.catch(() => undefined);
    const answer = await this.#stream.hold(
      this.#encoder.request('GET', url.pathname + url.search, { Accept: 'text/event-stream' }),
      {
        onOpen: () => stream.onOpen(),
        onBytes: (count) => stream.onBytes(count),
        onEvent: (data, name) => this.#onEvent(data, name),
        onEnd: () => this.#onEnd(),
      },
    );
    if (!isEventStream(answer)) throw new RequestFailed('GET', { kind: 'http', status: answer.status });
    this.#path = pathOf(await endpoint, url);
    const params = { protocolVersion: VERSION, capabilities: {}, clientInfo: CLIENT_INFO };
    await this.ask({ method: 'initialize', params });
    await this.#post(this.#encoder.notification(this.#path, 'notifications/initialized', JSON_FIELDS));
  }

  /** Its stream is open already. */
  async hold(): Promise<void> {}

  async ask(call: Call): Promise<Readonly<Record<string, unknown>>> {
    const id = this.#ids.next();
    const text = await this.#exchange(this.#encoder.call(this.#path, call, JSON_FIELDS), id);
    const outcome = outcomeOfText(text, id);
    if (outcome.kind !== 'result') throw new RequestFailed(call.method, outcome);
    return resultOf(text);
  }

  prepare(call: Call): void {
    this.#prepared = this.#encoder.call(this.#path, call, JSON_FIELDS);
  }

  async call(): Promise<Outcome> {
    if (this.#prepared === undefined) throw new Error('No call was prepared.');
    const id = this.#ids.next();
    try {
      return outcomeOfText(await this.#exchange(this.#prepared, id), id);
    } catch (error) {
      return outcomeOfError(error);
    }
  }

  /** Posts a request and resolves with what the stream brings for it. */
  async #exchange(request: RepeatedRequest, id: number): Promise<string> {
    const answer = this.#wait(id);
    try {
      const [text] = await Promise.all([answer, this.#post(request.withId(id))]);
      return text;
    } finally {
      this.#waiting = undefined;
      // What was given up must not keep the next message from being sent.
      if (this.#posts.busy) this.#posts.close();
    }
  }

  async #post(bytes: Buffer): Promise<void> {
    const { status } = await this.#posts.send(bytes);
    // The session is the stream, so one that is not known is over.
    if (status === 404) this.lost = true;
    if (status >= 300) throw new RequestFailed('POST', { kind: 'http', status });
  }

  #wait(id: Waiting['id']): Promise<string> {
    const { timeout } = this.#options.connection;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#fail('timeout'), timeout).unref();
    else this.#timer.refresh();
    return new Promise((resolve, reject) => {
      this.#waiting = { id, resolve, reject };
    });
  }

  #onEvent(data: string, name: string): void {
    const waiting = this.#waiting;
    if (name === 'endpoint') {
      if (waiting?.id === 'endpoint') waiting.resolve(data);
      return;
    }
    this.#options.stream.onEvent();
    if (typeof waiting?.id === 'number' && answersRequest(data, waiting.id)) waiting.resolve(data);
  }

  #onEnd(): void {
    this.lost = true;
    this.#options.stream.onEnd();
    this.#fail('closed');
  }

  #fail(code: 'timeout' | 'closed' | 'unfinished'): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(new ConnectionError(code, `The stream did not bring what was waited for: ${code}.`));
  }

  get holding(): boolean {
    return this.#stream.busy;
  }

  slowDown(bytesPerSecond: number): void {
    this.#posts.slowDown(bytesPerSecond);
    this.#stream.slowDown(bytesPerSecond);
  }

  /** The end of the stream is the end of the session. */
  async close(): Promise<void> {
    this.vanish();
  }

  vanish(): void {
    this.#stream.close();
    this.#posts.close();
    this.#fail('unfinished');
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Where to post to: the server names a path, or an address of its own origin. */
function pathOf(endpoint: string, url: URL): string {
  const address = URL.parse(endpoint, url.href);
  if (address === null || address.origin !== url.origin) {
    throw new ConnectionError(
      'bad-endpoint',
      `The endpoint ${JSON.stringify(endpoint)} is not of the server's origin.`,
    );
  }
  return address.pathname + address.search;
}
