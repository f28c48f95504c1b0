/** One event of a stream of server-sent events. */
export interface ServerEvent {
  /** The event's type; `message` where it names none. */
  readonly type: string;
  readonly data: string;
}

/** A message is longer than `--max-message` allows. */
export class MessageTooLong extends Error {
  constructor(limit: number) {
    super(`The upstream sent a message of more than ${limit} bytes. Raise --max-message to let it through.`);
    this.name = 'MessageTooLong';
  }
}

const LF = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Reads server-sent events from bytes that come in chunks of any size (WHATWG HTML §9.2.6). Takes time in proportion to
 * the bytes, and keeps no more of them than one event has.
 */
export class EventReader {
  readonly #limit: number;
  /** The pieces of a line that has not ended yet. */
  #pieces: Buffer[] = [];
  #pending = 0;
  /** A chunk ended with CR: an LF at the start of the next one belongs to it. */
  #afterCr = false;
  #first = true;
  #data: string[] = [];
  /** Bytes of the event so far, without those of a line that has not ended. */
  #size = 0;
  #type = '';
  #id: string | undefined;
  #lastEventId: string | undefined;
  #retry: number | undefined;

  /** `limit`: bytes that one event may have. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The id of the last event that was handed out, or of an empty one after it; `undefined` if none had any. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  /** Milliseconds to wait before coming back, if the stream said so. */
  get retry(): number | undefined {
    return this.#retry;
  }

  /** The events that end in this chunk, each before what follows it is looked at. Throws `MessageTooLong`. */
  *push(chunk: Buffer): Generator<ServerEvent, void, undefined> {
    let start = this.#afterCr && chunk[0] === LF ? 1 : 0;
    if (chunk.length > 0) this.#afterCr = false;
    const hasCr = chunk.includes(CR, start);
    for (let end = endOfLine(chunk, start, hasCr); end !== -1; end = endOfLine(chunk, start, hasCr)) {
      const event = this.#line(chunk.subarray(start, end));
      start = end + 1;
      if (chunk[end] === CR) {
        if (start === chunk.length) this.#afterCr = true;
        else if (chunk[start] === LF) start++;
      }
      if (event !== undefined) yield event;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #keep(piece: Buffer): void {
    this.#pending += piece.length;
    if (this.#size + this.#pending > this.#limit) throw new MessageTooLong(this.#limit);
    this.#pieces.push(piece);
  }

  #line(last: Buffer): ServerEvent | undefined {
    const text = this.#text(last);
    if (text === '') return this.#dispatch();
    const colon = text.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.#size += last.length + this.#pending;
      this.#data.push(value);
    } else if (field === 'event') this.#type = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.#retry = Number(value);
    return undefined;
  }

  #text(last: Buffer): string {
    let line = last;
    if (this.#pieces.length > 0) {
      this.#keep(last);
      line = Buffer.concat(this.#pieces, this.#pending);
      this.#pieces = [];
    } else if (this.#size + last.length > this.#limit) throw new MessageTooLong(this.#limit);
    this.#pending = 0;
    const text = line.toString('utf8');
    if (!this.#first) return text;
    this.#first = false;
    return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  }

  #dispatch(): ServerEvent | undefined {
    if (this.#id !== undefined) this.#lastEventId = this.#id;
    const event = this.#data.length === 0 ? undefined : { type: this.#type || 'message', data: this.#data.join('\n') };
    this.#data = [];
    this.#type = '';
    this.#size = 0;
    return event;
  }
}

/** Where the next line ends, or -1; a chunk without CR is searched once, by the platform. */
function endOfLine(chunk: Buffer, start: number, hasCr: boolean): number {
  if (!hasCr) return chunk.indexOf(LF, start);
  for (let i = start; i < chunk.length; i++) if (chunk[i] === LF || chunk[i] === CR) return i;
  return -1;
}
