import type { ServerResponse } from 'node:http';
import { ErrorCode, type RequestId } from '../protocol/json-rpc.ts';
import { answerError, answerJson } from './answers.ts';
import type { Log } from './log.ts';
import type { RefusalReason } from './metrics.ts';
import { pathOf } from './request-listener.ts';

const MESSAGES: Readonly<Record<RefusalReason, string>> = {
  capacity: 'Server at capacity: every connection is in use. Try again in a few seconds.',
  pressure: 'Server at capacity: it is too busy, or too short of memory, for more. Try again in a few seconds.',
  draining: 'Server is shutting down. Try again: another one takes over.',
  returning: 'Server at capacity: the session is kept, but every connection is in use. Try again in a few seconds.',
  unreachable: 'The server that holds this session can not be reached. Try again in a few seconds.',
};

/** Answers 503 to work that can not be taken now. */
export type Refuse = (res: ServerResponse, reason: RefusalReason, id?: RequestId | null) => void;

export interface RefusalsOptions {
  readonly log: Log;
  readonly metrics: { refused(reason: RefusalReason): void };
  readonly gate: { readonly held: number; readonly limit: number };
  readonly signal: AbortSignal;
}

/**
 * Answers 503 to work that can not be taken now, and logs how often, at most once a second. Never a 4xx: clients read
 * those as "another protocol" or "session lost". On `/mcp` it is an error of JSON-RPC, elsewhere plain JSON.
 */
export class Refusals {
  readonly #options: RefusalsOptions;
  #unlogged = 0;

  constructor(options: RefusalsOptions) {
    this.#options = options;
    const timer = setInterval(() => this.#report(), 1_000).unref();
    options.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  readonly refuse: Refuse = (res, reason, id = null) => {
    this.#options.metrics.refused(reason);
    this.#unlogged++;
    // Between 4 and 6 s, so that those refused together do not come back together.
    const retryAfter = 4 + Math.floor(Math.random() * 3);
    const message = MESSAGES[reason];
    const headers = { 'retry-after': String(retryAfter) };
    if (pathOf(res.req).startsWith('/mcp')) {
      const error = { code: ErrorCode.unavailable, message, data: { reason, retryAfter } };
      return answerError(res, 503, error, id, headers);
    }
    const { gate } = this.#options;
    const [error] = message.split(/[:.]/);
    const counts = { active_connections: gate.held, max_connections: gate.limit };
    answerJson(res, 503, { error, message, ...counts }, headers);
  };

  #report(): void {
    if (this.#unlogged === 0) return;
    this.#options.log.warn({ count: this.#unlogged }, 'Refused connections');
    this.#unlogged = 0;
  }
}
