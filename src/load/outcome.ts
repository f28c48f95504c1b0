/** What became of one request. */
export type Outcome =
  | { readonly kind: 'result' }
  /** A result in which the tool itself says that it failed. */
  | { readonly kind: 'tool-error' }
  | { readonly kind: 'http'; readonly status: number }
  | { readonly kind: 'json-rpc'; readonly code: number }
  | { readonly kind: 'connection'; readonly code: string };

/** A connection that gave no answer; `code` is the system's, such as ECONNREFUSED, or one of ours in small letters. */
export class ConnectionError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'ConnectionError';
    this.code = code;
  }
}

/** A request that had to succeed for what comes after it, and did not. */
export class RequestFailed extends Error {
  readonly outcome: Outcome;
  constructor(what: string, outcome: Outcome) {
    super(`${what} failed: ${describeOutcome(outcome)}.`);
    this.name = 'RequestFailed';
    this.outcome = outcome;
  }
}

/** What an error says of the request that threw it; anything but a failure of these is a defect, and is thrown on. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof RequestFailed) return error.outcome;
  if (error instanceof ConnectionError) return { kind: 'connection', code: error.code };
  throw error;
}

export function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'result':
      return 'a result';
    case 'tool-error':
      return 'a tool error';
    case 'http':
      return `HTTP ${outcome.status}`;
    case 'json-rpc':
      return `JSON-RPC error ${outcome.code}`;
    case 'connection':
      return outcome.code;
  }
}
