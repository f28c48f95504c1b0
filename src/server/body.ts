import type { IncomingMessage } from 'node:http';

export type Body = { readonly text: string } | { readonly refused: 'too-large' | 'too-many' };

/** How many bodies of the largest size may be on their way in at once, of those that nobody was admitted for. */
const BODIES_AT_ONCE = 16;

/**
 * Reads request bodies of at most `limit` bytes each. What is refused is told at once and the rest is read and dropped,
 * since closing the socket on a client that still sends would lose the answer; the server's request timeout bounds that.
 */
export class BodyReader {
  readonly limit: number;
  readonly #budget: number;
  #held = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.#budget = limit * BODIES_AT_ONCE;
  }

  /**
   * Reads one body and hands it on, once. Those of strangers share a budget, so that half-sent ones can not fill the
   * memory. A client that goes away in the middle is never reported.
   */
  read(req: IncomingMessage, stranger: boolean, done: (body: Body) => void): void {
    const chunks: Buffer[] = [];
    let received = 0;
    let over = false;
    const release = () => {
      if (stranger) this.#held -= received;
      received = 0;
    };
    const finish = (body: Body) => {
      if (over) return;
      over = true;
      chunks.length = 0;
      release();
      done(body);
    };
    req.on('data', (chunk: Buffer) => {
      if (over) return;
      received += chunk.length;
      if (stranger) this.#held += chunk.length;
      if (received > this.limit) finish({ refused: 'too-large' });
      else if (this.#held > this.#budget) finish({ refused: 'too-many' });
      else chunks.push(chunk);
    });
    req.on('end', () => finish({ text: (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString() ?? '' }));
    req.on('close', () => {
      if (!over) release();
      over = true;
    });
    // Without a listener a reset in the middle of a body would be an uncaught error.
    req.on('error', () => {});
    if (Number(req.headers['content-length']) > this.limit) finish({ refused: 'too-large' });
  }
}
