const NEWLINE = 0x0a;

/** Cuts a stream of bytes into lines; bytes, since a chunk may end within a character. */
export class Lines {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #length = 0;

  /** `limit`: bytes that a line may have. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that end in this chunk, without the ends. Throws a `RangeError` for a line that is too long. */
  *push(chunk: Buffer): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      start = end + 1;
      yield this.rest();
    }
    this.#keep(chunk.subarray(start));
  }

  /** What there is of a line that has not ended; it is gone afterwards. */
  rest(): string {
    const [only] = this.#parts;
    const line = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts, this.#length);
    this.#parts = [];
    this.#length = 0;
    return line.toString('utf8');
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#length += part.length;
    if (this.#length > this.#limit) throw new RangeError(`a line is longer than ${this.#limit} bytes`);
    this.#parts.push(part);
  }
}
