import { ConnectionError } from './outcome.ts';

/** Reads server-sent events from the bytes of a body (WHATWG HTML, 9.2.6); text has one character per byte. */
export class EventReader {
  readonly #onEvent: (data: string, name: string) => void;
  readonly #limit: number;
  #rest = '';
  #name = '';
  #data: string | undefined;

  /** `limit`: bytes of one event; a longer one throws a ConnectionError `too-large`. Comments are passed over. */
  constructor(limit: number, onEvent: (data: string, name: string) => void) {
    this.#limit = limit;
    this.#onEvent = onEvent;
  }

  push(bytes: Buffer): void {
    const text = bytes.toString('latin1');
    let at = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', at)) {
      const line = this.#rest + text.slice(at, end);
      this.#rest = '';
      this.#line(line.endsWith('\r') ? line.slice(0, -1) : line);
      at = end + 1;
    }
    // Joined only when its end is there: to search a long event from its beginning for each piece would take for ever.
    this.#rest += text.slice(at);
    if (this.#rest.length + (this.#data?.length ?? 0) > this.#limit) {
      throw new ConnectionError('too-large', `An event has more than ${this.#limit} bytes.`);
    }
  }

  #line(line: string): void {
    if (line === '') {
      const [data, name] = [this.#data, this.#name];
      this.#data = undefined;
      this.#name = '';
      if (data !== undefined) this.#onEvent(data, name);
    } else if (line.startsWith('data:')) {
      const value = valueFrom(line, 5);
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    } else if (line.startsWith('event:')) {
      this.#name = valueFrom(line, 6);
    }
  }
}

const valueFrom = (line: string, from: number) => line.slice(line.charCodeAt(from) === 32 ? from + 1 : from);
