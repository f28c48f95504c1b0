import type { Readable } from 'node:stream';
import { isMessage, type JsonRpcMessage } from '../../protocol/json-rpc.ts';
import { Lines } from '../../protocol/lines.ts';

export interface ChildOutputOptions {
  /** Bytes of one message. */
  readonly maxMessage: number;
  readonly clock: () => number;
  /** Told of a line that is no message, at most once a second. */
  onNoise(line: string): void;
  /** Told when a message is too long; nothing is read after that. */
  onTooLong(): void;
}

type Receive = (message: JsonRpcMessage) => Promise<void> | undefined;

/** Characters of a line that are shown. */
const SHOWN = 200;
const NEWLINE = 0x0a;
const BRACE = 0x7b;
const NOISE_SPACING_MS = 1_000;

/** What a child says on stdout: one JSON-RPC message a line, each told when the one before it was taken. */
export class ChildOutput {
  readonly #stdout: Readable;
  readonly #options: ChildOutputOptions;
  /** Resolves when all has been read; only reading gets there. */
  #ended: Promise<void> | undefined;
  #heard: number | undefined;
  #lastNoise = Number.NEGATIVE_INFINITY;
  #discarding = false;
  /** Whether the line that has not ended yet began as a message does; `undefined` when nothing of it has come. */
  #messageComing: boolean | undefined;
  /** Ends the wait for whoever takes a message, if there is one. */
  #goOn: (() => void) | undefined;

  constructor(stdout: Readable, options: ChildOutputOptions) {
    this.#stdout = stdout;
    this.#options = options;
  }

  get ended(): Promise<void> | undefined {
    return this.#ended;
  }

  /**
   * When a message, or a part of one, came last; now, while it is held up by us. What else a program prints is no sign
   * that it will ever answer.
   */
  get lastHeard(): number | undefined {
    return this.#goOn === undefined ? this.#heard : this.#options.clock();
  }

  /** Reads from the first byte: until now the pipe has kept what was written, and let the writer wait when full. */
  read(receive: Receive): void {
    this.#ended ??= this.#pump(receive);
  }

  /** Tells no more messages; reads on, so that the writer does not wait. */
  discard(): void {
    this.#discarding = true;
    if (this.#ended === undefined) this.#stdout.resume();
    this.#goOn?.();
  }

  async #pump(receive: Receive): Promise<void> {
    const lines = new Lines(this.#options.maxMessage);
    try {
      for await (const chunk of this.#stdout) {
        // A large message may be longer on its way than a child may be silent.
        if (this.#bringsMessage(chunk)) this.#heard = this.#options.clock();
        if (!this.#discarding) await this.#take(lines.push(chunk), receive);
      }
      await this.#take(lines.rest(), receive);
    } catch {
      // Closed by us before its end.
    }
  }

  #bringsMessage(chunk: Buffer): boolean {
    const start = chunk.lastIndexOf(NEWLINE) + 1;
    if (start > 0) this.#messageComing = undefined;
    if (start < chunk.length) this.#messageComing ??= chunk[start] === BRACE;
    return this.#messageComing === true;
  }

  async #take(lines: ReturnType<Lines['push']>, receive: Receive): Promise<void> {
    for (const { text, cut } of lines) {
      if (cut) return this.#options.onTooLong();
      if (text.trim() === '') continue;
      const messages = messagesOf(text);
      if (messages === undefined) this.#tellNoise(text);
      else this.#heard = this.#options.clock();
      for (const message of messages ?? []) {
        if (this.#discarding) return;
        const taken = receive(message);
        if (taken !== undefined) await this.#untilTaken(taken);
      }
    }
  }

  async #untilTaken(taken: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
      taken.then(resolve, () => resolve());
    });
    this.#goOn = undefined;
  }

  #tellNoise(line: string): void {
    const now = this.#options.clock();
    if (now - this.#lastNoise < NOISE_SPACING_MS) return;
    this.#lastNoise = now;
    this.#options.onNoise(line.slice(0, SHOWN));
  }
}

/** The message of a line, or several: MCP 2025-03-26 allowed batches. `undefined` when it is anything else. */
function messagesOf(text: string): readonly JsonRpcMessage[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const values = Array.isArray(value) ? value : [value];
  return values.length > 0 && values.every(isMessage) ? values : undefined;
}
