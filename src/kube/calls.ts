import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Connection } from './connection.ts';
import { attemptOf } from './exchange.ts';
import { errorOf, KubeError } from './kube-error.ts';
import { readText } from './read-text.ts';

/** What came of one request, for metrics. */
export interface ObservedCall {
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `apply` or `delete`. */
  readonly verb: string;
  /** Empty for a path that is no resource's. */
  readonly plural: string;
  /** 0: no answer. */
  readonly status: number;
  /** Until the whole answer was there; of a watch, until its first byte. */
  readonly seconds: number;
}

/** One request to make. */
export interface Call {
  readonly verb: string;
  readonly plural: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, untouched. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

/** How often a request is made again that an API server has too much to do for. */
const MOST_RETRIES = 3;
/** Seconds. Who asks for more patience than this is left to the caller's. */
const LONGEST_WAIT = 10;
/** An error is a few hundred bytes. */
const LONGEST_ERROR = 1024 ** 2;

/** Makes requests over a connection: JSON in, JSON out, errors typed, a busy server asked again. */
export class Calls {
  readonly #connection: Connection;
  readonly #observe: (call: ObservedCall) => void;

  constructor(connection: Connection, observe: (call: ObservedCall) => void = () => {}) {
    this.#connection = connection;
    this.#observe = observe;
  }

  /** The parsed answer. Throws a `KubeError` for a status other than 2xx. */
  async json<T>(call: Call): Promise<T> {
    const answer = await this.#whileBusy(call, () => this.text(call));
    try {
      return JSON.parse(answer.body) as T;
    } catch (cause) {
      const found = `found no JSON in the answer: ${answer.body.slice(0, 100)}`;
      throw new KubeError(`${attemptOf(call)}: ${found}`, { status: 0, reason: 'Garbled', cause });
    }
  }

  /** The answer as it is, whatever its status. */
  text(call: Call): Promise<Answer> {
    return this.#observed(call, () => this.#connection.request(requestOf(call)));
  }

  /** An answer that stays open. Throws a `KubeError` for a status other than 200. */
  async stream(call: Call): Promise<AsyncIterable<Buffer>> {
    const answer = await this.#observed(call, () => this.#connection.open(requestOf(call)));
    if (answer.status === 200) return answer.body;
    const retryAfter = answer.headers['retry-after'];
    throw errorOf(attemptOf(call), { ...answer, retryAfter, body: await readText(answer.body, LONGEST_ERROR) });
  }

  /** A 429 says that nothing was done, so even a creation can be asked for again. */
  async #whileBusy(call: Call, ask: () => Promise<Answer>): Promise<Answer> {
    for (let retries = 0; ; retries++) {
      const answer = await ask();
      if (answer.status >= 200 && answer.status < 300) return answer;
      const error = errorOf(attemptOf(call), { ...answer, retryAfter: answer.headers['retry-after'] });
      const seconds = error.retryAfter ?? 1;
      if (error.status !== 429 || retries >= MOST_RETRIES || seconds > LONGEST_WAIT) throw error;
      // Up to half as long again, so that those who were sent away together do not come back together.
      await sleep(seconds * 1_000 * (1 + Math.random() / 2), undefined, call.signal ? { signal: call.signal } : {});
    }
  }

  async #observed<Body>({ verb, plural }: Call, ask: () => Promise<Answer<Body>>): Promise<Answer<Body>> {
    const begun = performance.now();
    let status = 0;
    try {
      const answer = await ask();
      status = answer.status;
      return answer;
    } finally {
      this.#observe({ verb, plural, status, seconds: (performance.now() - begun) / 1_000 });
    }
  }
}

function requestOf({ method, path, headers = {}, body, contentType = 'application/json', signal }: Call) {
  if (body === undefined) return { method, path, headers, signal };
  return { method, path, headers: { ...headers, 'content-type': contentType }, body: JSON.stringify(body), signal };
}
