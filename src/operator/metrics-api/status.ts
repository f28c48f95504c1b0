/** Kubernetes' `Status` object, by which its clients tell failures apart. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: 'Failure';
  readonly message: string;
  readonly reason: string;
  readonly details?: object;
  readonly code: number;
}

/** What a `Status` says of one failure. */
export interface Failure {
  /** HTTP status. */
  readonly code: number;
  /** One of Kubernetes' words. */
  readonly reason: string;
  readonly message: string;
  readonly details?: object;
}

/** A request that can not be served; the metrics API answers with its `Status`. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: Status;

  constructor({ code, reason, message, details }: Failure, options?: ErrorOptions) {
    super(message, options);
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
}

export function badRequest(message: string): StatusError {
  return new StatusError({ code: 400, reason: 'BadRequest', message });
}

/** Of who did not come through the API server, or could not prove it. */
export function unauthorized(message = 'Unauthorized'): StatusError {
  return new StatusError({ code: 401, reason: 'Unauthorized', message });
}

/** Of a path at which nothing is. */
export function notFound(): StatusError {
  const message = 'the server could not find the requested resource';
  return new StatusError({ code: 404, reason: 'NotFound', message, details: {} });
}

/** What a metric was asked of; without a name, of all. */
export interface MetricReference {
  readonly metric: string;
  readonly resource: string;
  readonly name?: string | undefined;
  /** Canonical text. */
  readonly selector?: string;
}

/** Of a metric that is not served, or not of this object. */
export function metricNotFound({ metric, resource, name, selector }: MetricReference): StatusError {
  const of = [resource, ...(name === undefined ? [] : [name]), ...(selector ? [`with selector ${selector}`] : [])];
  const message = `the server could not find the metric ${metric} for ${of.join(' ')}`;
  return new StatusError({ code: 404, reason: 'NotFound', message });
}

export function methodNotAllowed(): StatusError {
  const message = 'the server does not allow this method on the requested resource';
  return new StatusError({ code: 405, reason: 'MethodNotAllowed', message, details: {} });
}

export function internalError(message: string, options?: ErrorOptions): StatusError {
  return new StatusError(
    { code: 500, reason: 'InternalError', message: `Internal error occurred: ${message}` },
    options,
  );
}

/**
 * Of numbers that may not be told now. There is no `Retry-After` header to it: client-go sleeps for it and asks again
 * up to ten times, and meanwhile the autoscaler has one worker less (of five) for everybody's fleets.
 */
export function serviceUnavailable(message: string, options?: ErrorOptions): StatusError {
  const details = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new StatusError({ code: 503, reason: 'ServiceUnavailable', message, details }, options);
}

/** Pods are asked every 2 s. */
const RETRY_AFTER_SECONDS = 2;
