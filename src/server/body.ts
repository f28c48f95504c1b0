import type { IncomingMessage, ServerResponse } from 'node:http';

/** What came; `gone`: the client left before all of it was there. */
export type Body = { readonly text: string } | { readonly refused: 'too-large' | 'too-many' | 'gone' };

/** What ordinary requests stay below; only what is beyond it counts as large. */
const SMALL_BYTES = 64 * 1024;
/** How many bodies of the largest size may be on their way in at once. */
const LARGE_AT_ONCE = 16;

/**
 * Reads request bodies. What is refused is told at once and the rest is read and dropped, since closing the socket on a
 * client that still sends would lose the answer; the server's request timeout bounds that. Large bodies share a budget,
 * so that half-sent ones can not fill the memory; small ones never wait for anybody.
 */
export class BodyReader {
  readonly #budget: number;
  #large = 0;

  /** `largest`: bytes that a body may have at most. */
  constructor(largest: number) {
    this.#budget = largest * LARGE_AT_ONCE;
  }

  /**
   * Reads one body of at most `limit` bytes and hands it on, or why not, once. A body that is kept after that, until its
   * request is answered, counts until `kept` closes.
   */
  read(req: IncomingMessage, limit: number, done: (body: Body) => void, kept?: ServerResponse): void {
    const chunks: Buffer[] = [];
    let received = 0;
    let counted = 0;
    let over = false;
    const leave = () => {
      over = true;
      chunks.length = 0;
      const large = counted;
      counted = 0;
      const giveBack = () => {
        this.#large -= large;
      };
      if (kept === undefined || kept.closed || large === 0) giveBack();
      else kept.once('close', giveBack);
    };
    const finish = (body: Body) => {
      if (over) return;
      leave();
      done(body);
    };
    req.on('data', (chunk: Buffer) => {
      if (over) return;
      received += chunk.length;
      const large = Math.max(0, received - SMALL_BYTES);
      this.#large += large - counted;
      counted = large;
      if (received > limit) finish({ refused: 'too-large' });
      else if (counted > 0 && this.#large > this.#budget) finish({ refused: 'too-many' });
      else chunks.push(chunk);
    });
    req.on('end', () => finish({ text: (chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))?.toString() ?? '' }));
    req.on('close', () => finish({ refused: 'gone' }));
    // Without a listener a reset in the middle of a body would be an uncaught error.
    req.on('error', ignore);
    if (Number(req.headers['content-length']) > limit) finish({ refused: 'too-large' });
  }
}

function ignore(): void {}
