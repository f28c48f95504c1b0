import { ASKABLE, bare, INITIALIZED, initialize, postOf, type SentRequest, type Step, VERSIONS } from './script.ts';

/** The standalone stream of a session. */
interface Listening {
  readonly index: number;
  /** How much of the news came before its first, and how much its reader has had, itself included. */
  readonly from: number;
  read: number;
  open: boolean;
}

/** A call that runs until it is let go. */
export interface Held {
  readonly index: number;
  readonly id: string;
  readonly key: string;
  /** Whether it has said something, so that its reader can come back. */
  readonly said: boolean;
}

/** The script of one session while it is written, with what is known of the session by then. */
export class Draft {
  readonly steps: Step[] = [];
  readonly held: Held[] = [];
  /** Whether it wants no messages of the kind of `tell`. */
  quiet = false;
  /** Whether it wants to hear of the resource. */
  subscribed = false;
  readonly #version: string;
  #sent = 0;
  #ids = 0;
  #news = 0;
  #running = 0;
  #listening: Listening | undefined;

  constructor(version: string, askable: boolean) {
    // As it was agreed.
    this.#version = version < '2026' ? version : VERSIONS[0];
    this.finish(initialize(version, askable ? ASKABLE : {}));
    this.post(INITIALIZED);
  }

  /** An id that nothing in flight has. */
  id(): string {
    return `id-${this.#ids++}`;
  }

  written(body: unknown, headers: Readonly<Record<string, string | undefined>> = {}): SentRequest {
    return postOf(body, { 'mcp-protocol-version': this.#version, ...headers });
  }

  send(sent: SentRequest): number {
    this.steps.push({ send: sent });
    return this.#sent++;
  }

  /** Sends it, and waits for the end of its answer. */
  finish(sent: SentRequest): void {
    this.steps.push({ ended: this.send(sent) });
  }

  post(body: unknown): void {
    this.finish(this.written(body));
  }

  resume(index: number, without = 0): number {
    this.steps.push({ resume: index, without });
    return this.#sent++;
  }

  /** Waits until so many more calls run. */
  running(change: number): void {
    this.#running += change;
    this.steps.push({ holding: this.#running });
  }

  /** Opens the standalone stream, or comes back to it from an earlier place, whether it was left or not. */
  listen(without: number): void {
    const last = this.#listening;
    if (last === undefined) {
      const index = this.send(bare('GET', { 'mcp-protocol-version': this.#version }));
      this.steps.push({ opened: index });
      this.#listening = { index, from: this.#news, read: this.#news, open: true };
    } else if (last.read > last.from) {
      const from = last.read - Math.min(without, last.read - last.from - 1);
      this.#listening = { index: this.resume(last.index, last.read - from), from, read: from, open: true };
      this.#read();
    }
  }

  stopListening(): void {
    if (this.#listening?.open !== true) return;
    this.steps.push({ leave: this.#listening.index });
    this.#listening.open = false;
  }

  /** Has the server say something on the standalone stream: so many messages. */
  news(body: unknown, count: number): void {
    // What comes before the first reader is another matter.
    if (this.#listening === undefined) this.listen(0);
    this.post(body);
    this.#news += count;
    this.#read();
  }

  #read(): void {
    const listening = this.#listening;
    if (listening?.open !== true) return;
    this.steps.push({ heard: listening.index, messages: this.#news - listening.from });
    listening.read = this.#news;
  }
}
