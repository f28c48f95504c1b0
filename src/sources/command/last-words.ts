import type { Logger } from 'pino';
import { Lines } from '../../protocol/lines.ts';

const LONGEST_LINE = 8 * 1024;
/** Bytes that are kept for error messages. */
const KEPT = 2 * 1024;
/** More than this of one child would only keep everybody else waiting for the log. */
const LINES_PER_SECOND = 200;

/** What a child says on stderr: logged by line, and the last of it kept. */
export class LastWords {
  readonly #lines = new Lines(LONGEST_LINE);
  readonly #clock: () => number;
  #tail = '';
  #second = 0;
  #logged = 0;
  /** Where its words go from now on. */
  logger: Logger;

  /** `clock` answers milliseconds. */
  constructor(log: Logger, clock: () => number) {
    this.logger = log;
    this.#clock = clock;
  }

  /** The last of what it said. */
  get text(): string {
    return this.#tail.trim();
  }

  push(chunk: Buffer): void {
    for (const { text } of this.#lines.push(chunk)) this.#take(text);
  }

  /** It says no more. */
  end(): void {
    for (const { text } of this.#lines.rest()) this.#take(text);
    this.#sayLeftOut();
  }

  #take(line: string): void {
    if (line === '') return;
    this.#tail = `${this.#tail}${line}\n`.slice(-KEPT);
    const second = Math.floor(this.#clock() / 1_000);
    if (second !== this.#second) {
      this.#sayLeftOut();
      this.#second = second;
      this.#logged = 0;
    }
    if (++this.#logged <= LINES_PER_SECOND) this.logger.info({ line }, 'Child wrote to stderr');
  }

  #sayLeftOut(): void {
    const leftOut = this.#logged - LINES_PER_SECOND;
    if (leftOut > 0) this.logger.warn({ lines: leftOut }, 'Left out lines of a child that wrote too many to stderr');
    this.#logged = 0;
  }
}
