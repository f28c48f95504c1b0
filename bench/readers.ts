import type { Socket } from 'node:net';
import { CLIENT_INFO, JSON_FIELDS } from '../src/load/clients/client.ts';
import { dial } from '../src/load/dial.ts';
import { type Call, type Fields, RequestEncoder } from '../src/load/requests.ts';

const MODERN = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': CLIENT_INFO,
  'io.modelcontextprotocol/clientCapabilities': {},
};
/** Of what it has read, to see how it ended. */
const KEPT = 4_096;

/** A call of a legacy session as bytes, or without a session one of the modern era. */
export function callBytes(url: URL, { method, params }: Call, session: Fields | undefined, id = 1_000_000_000): Buffer {
  const encoder = new RequestEncoder(url);
  if (session !== undefined) {
    return encoder.call(url.pathname, { method, params }, { ...JSON_FIELDS, ...session }).withId(id);
  }
  const named = { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': method, 'Mcp-Name': String(params['name']) };
  const call = { method, params: { ...params, _meta: META } };
  return encoder.call(url.pathname, call, { ...JSON_FIELDS, ...named }).withId(id);
}

/** A socket of its own that has sent a request and reads nothing of the answer until it is told to. */
export class Reader {
  readonly #socket: Socket;
  #tail = '';
  /** Bytes read. */
  read = 0;

  constructor(url: URL, request: Buffer) {
    // Before it connects: it would read as much as its buffer takes.
    this.#socket = dial(url).pause();
    // How it ended is seen by what was read.
    this.#socket
      .on('error', () => {})
      .on('data', (chunk: Buffer) => {
        this.read += chunk.length;
        this.#tail = `${this.#tail}${chunk.toString('latin1')}`.slice(-KEPT);
      });
    this.#socket.pause().write(request);
  }

  /** Reads what there is now, as much as the system hands over at once: 64 KiB. */
  sip(): void {
    this.#socket.once('data', () => this.#socket.pause()).resume();
  }

  /** Reads until `enough` is seen in what it reads, or nothing comes any more; resolves with the end of what it read. */
  readUntil(enough: (tail: string) => boolean): Promise<string> {
    return new Promise((resolve) => {
      const check = () => enough(this.#tail) && done();
      const done = () => {
        this.#socket.off('data', check).off('close', done).pause();
        resolve(this.#tail);
      };
      this.#socket.on('data', check).once('close', done).resume();
      if (this.#socket.closed) done();
      else check();
    });
  }

  /** Closes its socket without a word. */
  leave(): void {
    this.#socket.destroy();
  }
}
