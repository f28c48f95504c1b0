import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { SUBSCRIPTION_ID_META_KEY } from '@modelcontextprotocol/server';
import type { RequestId } from '../../protocol/json-rpc.ts';
import { BUFFERED_BYTES, LEAST_RATE, STALL_MS } from '../answers.ts';
import { awayFor } from '../away.ts';
import { retryFrame } from '../event-stream.ts';

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
  readonly farewell: Farewell;
  readonly release: (() => void) | undefined;
  /** Whether its owner was asked to close it. */
  released: boolean;
  /** Whether what went out so far ends between two events. */
  whole: boolean;
}

/** What a stream ends with when it is closed here, as one whole event. */
export type Farewell = () => string;

/** A client of the legacy era comes back. */
export const askBack: Farewell = () => retryFrame(awayFor());

/** The graceful result of a listener, by its request (MCP 2026-07-28, subscriptions, graceful closure). */
export function resultOfListen(request: string | undefined): Farewell {
  const { id } = JSON.parse(request ?? '{}') as { readonly id?: RequestId };
  const result = { resultType: 'complete', _meta: { [SUBSCRIPTION_ID_META_KEY]: id } };
  return () => `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`;
}

/** The answers of peers that run through this pod to their clients. */
export class Relays {
  readonly #streams = new Set<RelayedStream>();
  #calls = 0;

  /** POSTs that a peer is working on, and streams that stay for the sake of one. */
  get calls(): number {
    let staying = 0;
    for (const { released } of this.#streams) if (released) staying++;
    return this.#calls + staying;
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

  /**
   * Passes an answer on as it comes, no faster than the client reads; resolves when it is over, however it ends. A stream
   * with a farewell is closed in a drain, any other is the answer to a call. `release` asks the owner of a stream to close
   * it when no call needs it any more.
   */
  pass(
    answer: IncomingMessage,
    res: ServerResponse,
    farewell: Farewell | undefined,
    release?: () => void,
  ): Promise<void> {
    if (res.destroyed) {
      // Its client went while the answer came: nothing would tell of that any more.
      answer.destroy();
      return Promise.resolve();
    }
    const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true;
    res.writeHead(answer.statusCode ?? 502, passedHeaders(answer.headers));
    // Keep-alives of the owner move some bytes where the client reads.
    if (isStream) res.setTimeout(STALL_MS).flushHeaders();
    else limitReader(answer, res);
    const relayed =
      isStream && farewell !== undefined ? { answer, res, farewell, release, released: false, whole: true } : undefined;
    if (relayed !== undefined) this.#watch(relayed);
    answer.pipe(res);
    // A stream whose owner is gone ends as if it were closed: its client comes back with the last event it has.
    answer.once('close', () => {
      if (!answer.complete && isStream) res.end();
      else if (!answer.complete) res.destroy();
    });
    return new Promise((resolve) => {
      res.once('close', () => {
        if (relayed !== undefined) this.#streams.delete(relayed);
        answer.destroy();
        resolve();
      });
    });
  }

  #watch(relayed: RelayedStream): void {
    this.#streams.add(relayed);
    relayed.answer.on('data', (chunk: Buffer) => {
      relayed.whole = chunk.at(-1) === NEWLINE && chunk.at(-2) === NEWLINE;
    });
  }

  /**
   * Closes the streams that are open now, one by one; their clients go on through another pod. One that its owner has to
   * close is left to it the first time.
   */
  async closeStreams(turn: () => Promise<void>): Promise<void> {
    for (const relayed of [...this.#streams]) {
      await turn();
      const { answer, res, farewell, release } = relayed;
      if (release !== undefined && !relayed.released) {
        relayed.released = true;
        release();
        continue;
      }
      answer.unpipe(res);
      if (relayed.whole && !res.writableEnded) res.write(farewell());
      res.end();
    }
  }
}

/**
 * Cuts off a client that takes nothing of a long answer, or next to nothing: for as long two pods keep it in memory. A
 * peer that is slow itself is waited for. What has come is what the client made room for, so it tells the rate.
 */
function limitReader(answer: IncomingMessage, res: ServerResponse): void {
  if (Number(answer.headers['content-length']) <= BUFFERED_BYTES) return;
  const begun = performance.now();
  let received = 0;
  answer.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  res.setTimeout(STALL_MS, () => res.writableLength > 0 && res.destroy());
  const check = () => {
    const left = STALL_MS + (received / LEAST_RATE) * 1_000 - (performance.now() - begun);
    if (left <= 0 && res.writableLength > 0) return void res.destroy();
    late = setTimeout(check, left > 0 ? left : STALL_MS).unref();
  };
  let late = setTimeout(check, STALL_MS).unref();
  res.once('close', () => clearTimeout(late));
}

const NEWLINE = 0x0a;
