/** Why a request to the upstream failed: it never got there, or the connection was lost and nobody knows. */
export type UpstreamErrorKind = 'unreachable' | 'broken';

/** A request to the upstream that got no answer, or not all of it. */
export class UpstreamError extends Error {
  readonly kind: UpstreamErrorKind;
  /** Whether the connection had been used before. */
  readonly onKeptConnection: boolean;

  constructor(url: string, kind: UpstreamErrorKind, cause: unknown, onKeptConnection = false) {
    const what = kind === 'unreachable' ? 'could not be reached' : 'closed the connection before it answered';
    super(`The upstream at ${url} ${what}: ${reasonOf(cause)}`, { cause });
    this.name = 'UpstreamError';
    this.kind = kind;
    this.onKeptConnection = onKeptConnection;
  }
}

/** An error in one word, such as ECONNREFUSED, where it has one. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
