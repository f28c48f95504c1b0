import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonRpcMessage } from '../../protocol/json-rpc.ts';
import { MessageTooLong } from './event-reader.ts';
import { forgetsSession, MAX_FAILURE_BODY } from './failures.ts';
import { describe, kindOf, messagesIn, readBeginning, readText } from './read-answer.ts';
import { readEvents, startOfStream } from './read-events.ts';
import { UpstreamError } from './upstream-error.ts';
import type { UpstreamLink } from './upstream-link.ts';

export interface AnswerReaderOptions {
  readonly link: UpstreamLink;
  /** Bytes that a message may have. */
  readonly maxMessage: number;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Milliseconds that a resumed stream may be without an event; a minute unless given. */
  readonly resumedSilence?: number;
  /** Whether the request has its response. */
  answered(): boolean;
  deliver(message: JsonRpcMessage): Promise<void> | undefined;
  unreadable(): void;
  /** The upstream does not know the session any more, and the rest of this answer neither. */
  forgotten(): void;
}

/** Times in a row that a stream is resumed without anything new on it. */
const IDLE_RESUMES = 5;
/** An upstream that does not know how to resume may answer with another stream, on which the response never comes. */
const RESUMED_SILENCE_MS = 60_000;

/** Reads all that the upstream has to say to one request, over as many connections as that takes. */
export class AnswerReader {
  readonly #options: AnswerReaderOptions;

  constructor(options: AnswerReaderOptions) {
    this.#options = options;
  }

  /** Resolves at the end of the answer, with the response or without; rejects when it broke and can not be resumed. */
  async read(answer: IncomingMessage, kind: ReturnType<typeof kindOf>): Promise<void> {
    if (kind === 'events') return await this.#readStream(answer);
    if (kind === 'other') return void answer.destroy();
    const { link, maxMessage, deliver } = this.#options;
    const text = await readText(answer, maxMessage).catch((error) => {
      throw error instanceof MessageTooLong ? error : new UpstreamError(link.url, 'broken', error);
    });
    for (const message of messagesIn(text)) await deliver(message);
  }

  async #readStream(first: IncomingMessage): Promise<void> {
    const { link, signal, answered } = this.#options;
    const position = startOfStream();
    let answer = first;
    let silence: number | undefined;
    for (let idle = 0; ; idle++) {
      const before = position.lastEventId;
      const broken = await this.#readOnce(answer, position, silence);
      if (answered() || signal.aborted) return;
      if (position.lastEventId !== before) idle = 0;
      if (position.lastEventId === undefined || idle >= IDLE_RESUMES) {
        if (broken === undefined) return;
        throw new UpstreamError(link.url, 'broken', broken);
      }
      await sleep(position.retry, undefined, { signal });
      answer = await this.#resume(position.lastEventId);
      if (answer.statusCode !== 200) return await this.#lost(answer);
      if (kindOf(answer) !== 'events') {
        answer.destroy();
        throw new UpstreamError(
          link.url,
          'broken',
          new Error(`the rest of its answer is no stream: ${describe(answer)}`),
        );
      }
      silence = this.#options.resumedSilence ?? RESUMED_SILENCE_MS;
    }
  }

  /** Answers with what broke it, if anything did. */
  async #readOnce(
    answer: IncomingMessage,
    position: ReturnType<typeof startOfStream>,
    silence: number | undefined,
  ): Promise<unknown> {
    const { deliver } = this.#options;
    const quiet = new Error('the rest of its answer did not come');
    const watch = silence === undefined ? undefined : setTimeout(() => answer.destroy(quiet), silence).unref();
    try {
      await readEvents(answer, {
        ...this.#options,
        position,
        deliver(message) {
          watch?.refresh();
          return deliver(message);
        },
      });
      return undefined;
    } catch (error) {
      if (error instanceof MessageTooLong) throw error;
      return error;
    } finally {
      clearTimeout(watch);
    }
  }

  async #resume(lastEventId: string): Promise<IncomingMessage> {
    const { link, signal } = this.#options;
    try {
      return await link.listen(lastEventId, signal);
    } catch (error) {
      // Whatever kept it away this time, the request itself was sent.
      throw error instanceof UpstreamError ? new UpstreamError(link.url, 'broken', error.cause) : error;
    }
  }

  async #lost(answer: IncomingMessage): Promise<void> {
    const { link, forgotten } = this.#options;
    const body = await readBeginning(answer, MAX_FAILURE_BODY);
    if (link.sessionId !== undefined && forgetsSession(answer, body)) return forgotten();
    const why = `the rest of its answer was refused with HTTP status ${answer.statusCode}`;
    throw new UpstreamError(link.url, 'broken', new Error(why));
  }
}
