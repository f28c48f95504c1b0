/** The fields of a request, by name as they are sent. */
export type Fields = Readonly<Record<string, string>>;

/** A method of MCP with its parameters. */
export interface Call {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** All ids have as many digits, so that a request can be sent again with the next id in its place. */
const FIRST_ID = 1_000_000_000;
const BEFORE_ID = '{"jsonrpc":"2.0","id":';

/** Writes requests to one server as bytes. */
export class RequestEncoder {
  readonly #host: string;
  readonly #headers: Fields;

  /** `headers` are sent with every request, in place of any of the same name. */
  constructor(url: URL, headers: Fields = {}) {
    this.#host = url.host;
    this.#headers = headers;
  }

  request(method: 'GET' | 'POST' | 'DELETE', path: string, fields: Fields = {}, body?: string): Buffer {
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const all = new Map<string, string>();
    for (const [name, value] of Object.entries({ Host: this.#host, ...fields, ...length, ...this.#headers })) {
      all.set(name.toLowerCase(), `${name}: ${value}\r\n`);
    }
    return Buffer.from(`${method} ${path} HTTP/1.1\r\n${[...all.values()].join('')}\r\n${body ?? ''}`);
  }

  /** A JSON-RPC request that can be sent any number of times, each time with another id. */
  call(path: string, { method, params }: Call, fields: Fields = {}): RepeatedRequest {
    const body = `${BEFORE_ID}${FIRST_ID},${JSON.stringify({ method, params }).slice(1)}`;
    const bytes = this.request('POST', path, fields, body);
    return new RepeatedRequest(bytes, bytes.length - Buffer.byteLength(body) + BEFORE_ID.length);
  }

  notification(path: string, method: string, fields: Fields = {}): Buffer {
    return this.request('POST', path, fields, JSON.stringify({ jsonrpc: '2.0', method }));
  }
}

/** A request as bytes, whose JSON-RPC id is written over before each use: nothing else of it changes. */
export class RepeatedRequest {
  readonly bytes: Buffer;
  readonly #offset: number;

  constructor(bytes: Buffer, offset: number) {
    this.bytes = bytes;
    this.#offset = offset;
  }

  /** The bytes with this id; the ones from the last use must have been sent. */
  withId(id: number): Buffer {
    this.bytes.write(String(id), this.#offset, 'latin1');
    return this.bytes;
  }
}

/** Counts the ids of one client's requests. */
export class Ids {
  #next = FIRST_ID;

  next(): number {
    return this.#next++;
  }
}
