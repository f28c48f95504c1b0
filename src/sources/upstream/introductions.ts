import { createHash } from 'node:crypto';
import type { Introduction } from '../bridge/raw-session.ts';
import type { ClientContext } from '../raw-server.ts';
import { legacyRequestHeaders } from './passed-headers.ts';

export interface IntroductionsOptions {
  /** Asks the upstream in the name of this client; the signal says that nobody waits for it any more. */
  ask(context: ClientContext, signal: AbortSignal): Promise<Introduction>;
  /** Milliseconds, of a clock that only goes forward. */
  readonly clock: () => number;
}

/** The question to the upstream that those with the same credentials wait for together. */
interface Asking {
  readonly answer: Promise<Introduction>;
  readonly cut: AbortController;
  waiting: number;
}

/** Credentials end, and an upstream may be renewed without a word. */
const KEPT_MS = 60_000;
const MOST_KEPT = 256;
/** Characters of JSON; with the one above it bounds the memory. */
const LONGEST_KEPT = 64 * 1024;

/**
 * Headers that differ from request to request and say nothing of who asks. Any other one may be a credential, under
 * whatever name an upstream or a proxy before berth gave it.
 */
const SAYS_NOT_WHO = new RegExp(
  `^(?:${[
    'user-agent|sec-.*|dnt|priority|cache-control|pragma|via',
    'traceparent|tracestate|baggage|sentry-trace|b3|x-b3-.*|x-datadog-.*|x-cloud-trace-context|x-amzn-trace-id',
    'x-request-id|x-correlation-id|cf-ray|cf-connecting-ip|x-real-ip|x-forwarded-for|x-forwarded-port',
  ].join('|')})$`,
);

/** What an upstream says of itself, to each credential for itself: one client never sees what another one's brought. */
export class Introductions {
  readonly #options: IntroductionsOptions;
  /** By credentials, the longest unused first. */
  readonly #known = new Map<string, { readonly introduction: Introduction; readonly until: number }>();
  readonly #asking = new Map<string, Asking>();

  constructor(options: IntroductionsOptions) {
    this.#options = options;
  }

  /** Rejects with what the upstream said against this client, or when the signal is aborted. */
  async of(context: ClientContext, signal?: AbortSignal): Promise<Introduction> {
    const key = keyOf(context);
    const known = this.#known.get(key);
    this.#known.delete(key);
    if (known === undefined || known.until <= this.#options.clock()) return await this.#ask(key, context, signal);
    this.#known.set(key, known);
    return known.introduction;
  }

  /** What these credentials brought may not be so any more. */
  forget(context: ClientContext): void {
    this.#known.delete(keyOf(context));
  }

  /** Another server may have taken the upstream's place. */
  clear(): void {
    this.#known.clear();
    // Who waits gets the answer, but nobody after them.
    this.#asking.clear();
  }

  async #ask(key: string, context: ClientContext, signal: AbortSignal | undefined): Promise<Introduction> {
    const asking = this.#asking.get(key) ?? this.#begin(key, context);
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal?.reason);
    asking.waiting++;
    signal?.addEventListener('abort', leave, { once: true });
    if (signal?.aborted === true) leave();
    try {
      return await Promise.race([asking.answer, left.promise]);
    } finally {
      signal?.removeEventListener('abort', leave);
      asking.waiting--;
      if (asking.waiting === 0) {
        asking.cut.abort();
        this.#over(key, asking);
      }
    }
  }

  #begin(key: string, context: ClientContext): Asking {
    const cut = new AbortController();
    const answer = this.#options.ask(context, cut.signal).then((introduction) => {
      if (this.#over(key, asking)) this.#remember(key, introduction);
      return introduction;
    });
    const asking: Asking = { answer, cut, waiting: 0 };
    this.#asking.set(key, asking);
    // Those who come after a refusal ask anew, also while others have still to hear of it.
    answer.catch(() => this.#over(key, asking));
    return asking;
  }

  /** Whether it was the one that others would have joined. */
  #over(key: string, asking: Asking): boolean {
    return this.#asking.get(key) === asking && this.#asking.delete(key);
  }

  #remember(key: string, introduction: Introduction): void {
    if (JSON.stringify(introduction).length > LONGEST_KEPT) return;
    this.#known.set(key, { introduction, until: this.#options.clock() + KEPT_MS });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KEPT && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** Credentials are not kept, only compared. */
function keyOf({ headers }: ClientContext): string {
  const who = Object.entries(legacyRequestHeaders(headers, undefined))
    .filter(([name]) => !SAYS_NOT_WHO.test(name))
    .map(([name, value]) => `${name}: ${value}`)
    .sort();
  return createHash('sha256').update(JSON.stringify(who)).digest('base64');
}
