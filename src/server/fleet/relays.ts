import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { STALL_MS } from '../answers.ts';

/** What concerns one connection only (RFC 9110 §7.6.1), and what pods say among each other. */
const NOT_PASSED = /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|x-berth-.*)$/;

/** The headers of a request that go on to another pod, without its length: that is for whoever knows the body. */
export function passedRequestHeaders(headers: IncomingMessage['headers']): OutgoingHttpHeaders {
  const { 'content-length': _, ...passed } = passedHeaders(headers);
  return passed;
}

function passedHeaders(headers: IncomingMessage['headers']): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_PASSED.test(name)));
}

/** A stream of a peer's that runs through this pod. */
interface RelayedStream {
  readonly answer: IncomingMessage;
  readonly res: ServerResponse;
  /** Whether what went out so far ends between two events. */
  whole: boolean;
}

/** The answers of peers that run through this pod to their clients. */
export class Relays {
  readonly #streams = new Set<RelayedStream>();
  #calls = 0;

  /** POSTs that a peer is working on. */
  get calls(): number {
    return this.#calls;
  }

  /** Open streams of sessions that live elsewhere. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Counts a POST until the answered function is called. */
  countCall(): () => void {
    this.#calls++;
    return () => {
      this.#calls--;
    };
  }

  /** Passes an answer on as it comes, no faster than the client reads; resolves when it is over, however it ends. */
  pass(answer: IncomingMessage, res: ServerResponse, closable: boolean): Promise<void> {
    if (res.destroyed) {
      // Its client went while the answer came: nothing would tell of that any more.
      answer.destroy();
      return Promise.resolve();
    }
    const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true;
    res.writeHead(answer.statusCode ?? 502, passedHeaders(answer.headers));
    // Keep-alives of the owner move some bytes where the client reads.
    if (isStream) res.setTimeout(STALL_MS).flushHeaders();
    const relayed: RelayedStream = { answer, res, whole: true };
    if (isStream && closable) this.#streams.add(relayed);
    answer.on('data', (chunk: Buffer) => {
      relayed.whole = chunk.at(-1) === NEWLINE && chunk.at(-2) === NEWLINE;
    });
    answer.pipe(res);
    // A stream whose owner is gone ends as if it were closed: its client comes back with the last event it has.
    answer.once('close', () => {
      if (!answer.complete && isStream) res.end();
      else if (!answer.complete) res.destroy();
    });
    return new Promise((resolve) => {
      res.once('close', () => {
        this.#streams.delete(relayed);
        answer.destroy();
        resolve();
      });
    });
  }

  /** Closes the streams that are open now, one by one; their clients resume them through another pod. */
  async closeStreams(retry: () => number, turn: () => Promise<void>): Promise<void> {
    for (const { answer, res, whole } of [...this.#streams]) {
      await turn();
      answer.unpipe(res);
      if (whole) res.write(`retry: ${Math.round(retry())}\n\n`);
      res.end();
    }
  }
}

const NEWLINE = 0x0a;
