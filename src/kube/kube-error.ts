/** Details of a `KubeError`. */
export interface KubeErrorOptions {
  /** HTTP status, or 0 when there was no answer. */
  readonly status: number;
  readonly reason: string;
  /** Seconds. */
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A request to an API server that failed. The message says what was asked for and what was found. The reason is that of
 * Kubernetes (`NotFound`, `Conflict`, `Expired` …), or ours: `Unreachable`, `TimedOut`, `TooLarge`, `Garbled`.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  /** Seconds that the API server wants to be left alone for. */
  readonly retryAfter?: number;

  constructor(message: string, { status, reason, retryAfter, cause }: KubeErrorOptions) {
    super(message, cause === undefined ? {} : { cause });
    this.status = status;
    this.reason = reason;
    if (retryAfter !== undefined) this.retryAfter = retryAfter;
  }
}

/** What an API server says when it has no object to answer with. */
interface Status {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

/** Reads the error out of an answer: a `Status`, or whatever a proxy in between wrote. `attempt` is what was asked for. */
export function errorOf(
  attempt: string,
  {
    status,
    body,
    retryAfter,
  }: { readonly status: number; readonly body: string; readonly retryAfter?: string | undefined },
): KubeError {
  const found = parseStatus(body);
  const reason = found?.reason || (STATUS_REASONS[status] ?? 'Unknown');
  const words = (found?.message ?? body.trim().slice(0, 200)) || 'with nothing else';
  const seconds = Number(retryAfter ?? Number.NaN);
  return new KubeError(`${attempt}: the API server answered ${status} ${reason}: ${words}`, {
    status,
    reason,
    // The HTTP date that is allowed here as well is nothing that an API server sends.
    retryAfter: Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined,
  });
}

/** The error that an `ERROR` event of a watch is. */
export function errorOfEvent(attempt: string, object: unknown): KubeError {
  const { code = 500, reason = 'Unknown', message = 'with nothing else' } = (object ?? {}) as Status;
  return new KubeError(`${attempt}: the API server ended the watch with ${code} ${reason}: ${message}`, {
    status: code,
    reason,
  });
}

/** Of answers that are no `Status`, such as `404 page not found` for a group that there is not. */
const STATUS_REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function parseStatus(body: string): Status | undefined {
  try {
    const parsed = JSON.parse(body) as Status | null;
    return parsed?.kind === 'Status' ? parsed : undefined;
  } catch {
    // Not JSON: a proxy's page, or the server's plain 404. The caller quotes it.
    return undefined;
  }
}
