import { ConnectionError } from './outcome.ts';

/** Bytes of a head or of a line of chunked coding; what is longer is no HTTP that anybody serves. */
const MAX_HEAD = 64 * 1024;
const MAX_LINE = 4 * 1024;

/** What is told of each response, in this order; `body` as often as there is some. */
export interface ResponseHandler {
  /** `head`: status line and fields, one character per byte. */
  head(status: number, head: string): void;
  body(bytes: Buffer): void;
  /** `last`: the connection carries no other response. */
  end(last: boolean): void;
}

type State = 'head' | 'length' | 'until-close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'over';

/** Reads HTTP/1.1 responses from the bytes of one connection (RFC 9112); as much of it as servers send. */
export class ResponseReader {
  readonly #handler: ResponseHandler;
  #state: State = 'head';
  /** Bytes of the body, or of its chunk, that are still to come. */
  #left = 0;
  #last = false;
  #rest: Buffer | undefined;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  /** Throws a ConnectionError `not-http` when the bytes are something else. */
  push(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    while (at < bytes.length) {
      const next = this.#step(bytes, at);
      if (next === undefined) {
        this.#rest = bytes.subarray(at);
        return;
      }
      at = next;
    }
  }

  /** The connection ended: whether that is the end of a body that has no other. */
  close(): boolean {
    if (this.#state !== 'until-close') return false;
    this.#last = true;
    this.#finish();
    return true;
  }

  /** Takes what stands at a place; answers where it ends, or nothing when not all of it is there. */
  #step(bytes: Buffer, at: number): number | undefined {
    switch (this.#state) {
      case 'head': {
        const end = bytes.indexOf('\r\n\r\n', at);
        if (end === -1) return checkBeginning(bytes, at);
        this.#begin(bytes.toString('latin1', at, end));
        return end + 4;
      }
      case 'length':
      case 'chunk': {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        this.#handler.body(bytes.subarray(at, end));
        if (this.#left > 0) return end;
        if (this.#state === 'chunk') this.#state = 'chunk-end';
        else this.#finish();
        return end;
      }
      case 'until-close':
        this.#handler.body(bytes.subarray(at));
        return bytes.length;
      case 'over':
        return bytes.length;
      default: {
        const end = bytes.indexOf('\n', at);
        if (end === -1 && bytes.length - at > MAX_LINE) throw notHttp('a line of a chunked body has no end');
        if (end === -1) return undefined;
        this.#line(bytes.toString('latin1', at, end).trimEnd());
        return end + 1;
      }
    }
  }

  #begin(head: string): void {
    const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r|$)/.exec(head)?.[1]);
    if (Number.isNaN(status)) throw notHttp(`the head begins with ${JSON.stringify(head.slice(0, 40))}`);
    // Such as 100 or 103: the response itself is still to come.
    if (status < 200) return;
    this.#last = head.startsWith('HTTP/1.0') || /\r\nconnection:[^\r]*close/i.test(head);
    this.#handler.head(status, head);
    if (status === 204 || status === 304) return this.#finish();
    if (/\r\ntransfer-encoding:[^\r]*chunked/i.test(head)) {
      this.#state = 'chunk-size';
      return;
    }
    const length = /\r\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1];
    this.#left = Number(length ?? 0);
    this.#state = length === undefined ? 'until-close' : 'length';
    if (this.#state === 'length' && this.#left === 0) this.#finish();
  }

  #line(line: string): void {
    if (this.#state === 'trailer') {
      if (line === '') this.#finish();
      return;
    }
    if (this.#state === 'chunk-end') {
      if (line !== '') throw notHttp('a chunk is longer than it said');
      this.#state = 'chunk-size';
      return;
    }
    if (!/^[\da-f]{1,12}[ \t]*(;|$)/i.test(line)) throw notHttp(`the size of a chunk is ${JSON.stringify(line)}`);
    this.#left = Number.parseInt(line, 16);
    this.#state = this.#left === 0 ? 'trailer' : 'chunk';
  }

  #finish(): void {
    this.#state = this.#last ? 'over' : 'head';
    this.#handler.end(this.#last);
  }
}

function checkBeginning(bytes: Buffer, at: number): undefined {
  const beginning = bytes.toString('latin1', at, at + 5);
  if (!'HTTP/'.startsWith(beginning)) throw notHttp(`the answer begins with ${JSON.stringify(beginning)}`);
  if (bytes.length - at > MAX_HEAD) throw notHttp(`the head has more than ${MAX_HEAD} bytes`);
}

const notHttp = (why: string) => new ConnectionError('not-http', `The answer is not HTTP/1.1: ${why}.`);
