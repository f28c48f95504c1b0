import type { LoggedEvent, LogSnapshot } from '../../fleet/session-snapshot.ts';

/** The stream that belongs to no request; the others are numbered from 1. */
export const STANDALONE = 0;

/** Where a client that comes back with `Last-Event-ID` stopped reading. */
export interface Position {
  readonly stream: number;
  /** What it has missed on that stream and is still in the log. */
  readonly missed: readonly LoggedEvent[];
  /** Whether something newer than its position was trimmed, so that the log can not tell what is missing. */
  readonly trimmed: boolean;
}

/** Bookkeeping per event, so that many tiny events are bounded too. */
const EVENT_OVERHEAD = 96;

/** The events of one session, the newest `limit` bytes of them, for replay by `Last-Event-ID`. Holds no other's. */
export class EventLog {
  readonly #limit: number;
  /** Trimmed ones are `undefined` until the array is cut. */
  #events: (LoggedEvent | undefined)[] = [];
  #first = 0;
  #bytes = 0;
  #sequence = 0;
  #trimmedTo = 0;
  #lastStream = 0;
  /** Whether the standalone stream ever had a reader. */
  listened = false;
  /** Told of every event. */
  onAppend: (() => void) | undefined;

  /** `limit`: bytes to keep; `snapshot`: what the log held elsewhere. */
  constructor(limit: number, snapshot?: LogSnapshot) {
    this.#limit = limit;
    if (snapshot === undefined) return;
    this.#sequence = snapshot.sequence;
    this.#trimmedTo = snapshot.trimmedTo;
    this.#lastStream = snapshot.lastStream;
    this.listened = snapshot.listened;
    for (const event of snapshot.events) this.#keep(event);
  }

  /** All of it, as plain JSON. */
  snapshot(): LogSnapshot {
    return {
      sequence: this.#sequence,
      trimmedTo: this.#trimmedTo,
      lastStream: this.#lastStream,
      listened: this.listened,
      events: this.#events.slice(this.#first) as LoggedEvent[],
    };
  }

  /** The number of a new stream. */
  newStream(): number {
    return ++this.#lastStream;
  }

  get lastStream(): number {
    return this.#lastStream;
  }

  /** Whether what comes next may push out what nobody has read yet. */
  get full(): boolean {
    return this.#bytes > this.#limit / 2 || (this.#sequence > 0 && this.#trimmedTo === this.#sequence);
  }

  /** Keeps an event and answers its id. */
  append(stream: number, data: string): string {
    const event = { sequence: ++this.#sequence, stream, data };
    this.#keep(event);
    this.onAppend?.();
    return eventId(stream, event.sequence);
  }

  /** An id for the present place in a stream, for priming events: resuming there replays what comes after. */
  mark(stream: number): string {
    return eventId(stream, this.#sequence);
  }

  /** Finds an id that this log gave out; `undefined` for any other. */
  find(lastEventId: string): Position | undefined {
    const [, streamText, sequenceText] = /^([0-9a-z]{1,10})-([0-9a-z]{1,10})$/.exec(lastEventId) ?? [];
    if (streamText === undefined || sequenceText === undefined) return undefined;
    const stream = Number.parseInt(streamText, 36);
    const sequence = Number.parseInt(sequenceText, 36);
    if (sequence > this.#sequence) return undefined;
    const missed: LoggedEvent[] = [];
    for (let i = this.#first; i < this.#events.length; i++) {
      const event = this.#events[i];
      if (event !== undefined && event.stream === stream && event.sequence > sequence) missed.push(event);
    }
    return { stream, missed, trimmed: sequence < this.#trimmedTo };
  }

  #keep(event: LoggedEvent): void {
    this.#events.push(event);
    this.#bytes += sizeOf(event);
    while (this.#bytes > this.#limit) this.#trim();
  }

  #trim(): void {
    const oldest = this.#events[this.#first];
    if (oldest === undefined) return;
    this.#bytes -= sizeOf(oldest);
    this.#trimmedTo = oldest.sequence;
    this.#events[this.#first] = undefined;
    this.#first++;
    // Shifting an array is linear in its length; cutting half of it now and then is not.
    if (this.#first > 32 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }
}

const sizeOf = (event: LoggedEvent) => Buffer.byteLength(event.data) + EVENT_OVERHEAD;

/** `<stream>-<sequence>` in base 36: it needs to be unique within its session only. */
export function eventId(stream: number, sequence: number): string {
  return `${stream.toString(36)}-${sequence.toString(36)}`;
}
