import { KubeError } from './kube-error.ts';
import { TooLong } from './read-text.ts';

/** One request; the path begins at the API server's root. */
export interface ConnectionRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

/** A request from its start to the end of its answer: cut when its time is up, or when whoever wants it has gone. */
export class Exchange {
  readonly #request: ConnectionRequest;
  readonly #cut = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #leave = () => this.#cut.abort(this.#request.signal?.reason);

  constructor(request: ConnectionRequest, timeoutMs: number) {
    request.signal?.throwIfAborted();
    this.#request = request;
    this.#timer = setTimeout(() => {
      this.#cut.abort(this.#error('TimedOut', `no answer within ${timeoutMs / 1_000} s`));
    }, timeoutMs);
    request.signal?.addEventListener('abort', this.#leave, { once: true });
  }

  get signal(): AbortSignal {
    return this.#cut.signal;
  }

  stopTheClock(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener('abort', this.#leave);
  }

  /** For waiting on what takes no signal. */
  async unlessCut<T>(promise: Promise<T>): Promise<T> {
    const { promise: cut, reject } = Promise.withResolvers<never>();
    const stop = () => reject(this.signal.reason);
    this.signal.addEventListener('abort', stop);
    try {
      return await Promise.race([promise, cut]);
    } finally {
      this.signal.removeEventListener('abort', stop);
    }
  }

  /** What to throw for an error of Node's. */
  explain(error: unknown): unknown {
    if (this.signal.aborted) return this.signal.reason;
    if (error instanceof KubeError) return error;
    if (error instanceof TooLong) return this.#error('TooLarge', error.message);
    const cause = error instanceof StaleSocket ? error.cause : error;
    return this.#error('Unreachable', describe(cause), cause);
  }

  #error(reason: string, found: string, cause?: unknown): KubeError {
    return new KubeError(`${attemptOf(this.#request)}: ${found}`, { status: 0, reason, cause });
  }
}

/** A kept socket that turned out to be closed. */
export class StaleSocket extends Error {}

/** What a request asks for, as error messages say it. */
export function attemptOf({ method, path }: Pick<ConnectionRequest, 'method' | 'path'>): string {
  return `${method} ${path.split('?', 1)[0]}`;
}

/** Of several addresses that were tried, Node reports an error without words. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join(', ');
  return error instanceof Error ? error.message : String(error);
}
