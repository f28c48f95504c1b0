const NEWLINE = 0x0a;
const RETURN = 0x0d;
const FIRST_CAPACITY = 4096;
/** A buffer that had to grow past this is given back after its line. */
const KEPT_CAPACITY = 64 * 1024;

export interface Line {
  /** Without its end. */
  readonly text: string;
  /** It had more bytes than are allowed; only the first are here. */
  readonly cut: boolean;
}

/**
 * Cuts a stream of bytes into lines; bytes, since a chunk may end within a character. A line past the limit is cut
 * there, and what else comes of it is passed over.
 */
export class Lines {
  readonly #limit: number;
  /** The start of a line whose end has not come; it doubles as it fills, so that a byte is copied a few times at most. */
  #buffer = Buffer.alloc(0);
  #length = 0;
  #passingOver = false;

  /** `limit`: bytes that a line may have. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that end in this chunk, or that it makes too long. */
  *push(chunk: Buffer): Generator<Line> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const part = chunk.subarray(start, end);
      start = end + 1;
      if (this.#passingOver) this.#passingOver = false;
      else if (this.#length === 0) yield this.#line(part);
      else {
        this.#keep(part);
        yield this.#take();
      }
    }
    if (start === chunk.length || this.#passingOver) return;
    this.#keep(chunk.subarray(start));
    if (this.#length > this.#limit) {
      this.#passingOver = true;
      yield this.#take();
    }
  }

  /** What there is of a line that never ended. */
  *rest(): Generator<Line> {
    if (this.#length > 0) yield this.#take();
  }

  #take(): Line {
    const line = this.#line(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    if (this.#buffer.length > KEPT_CAPACITY) this.#buffer = Buffer.alloc(0);
    return line;
  }

  #line(bytes: Buffer): Line {
    if (bytes.length > this.#limit) return { text: bytes.toString('utf8', 0, this.#limit), cut: true };
    const end = bytes.at(-1) === RETURN ? bytes.length - 1 : bytes.length;
    return { text: bytes.toString('utf8', 0, end), cut: false };
  }

  #keep(part: Buffer): void {
    // One byte past the limit is enough to know.
    const kept = part.subarray(0, this.#limit + 1 - this.#length);
    const needed = this.#length + kept.length;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length, FIRST_CAPACITY));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    kept.copy(this.#buffer, this.#length);
    this.#length = needed;
  }
}
