import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Authenticate } from './authenticate.ts';
import type { Authorize } from './authorize.ts';
import type { MetricsSource } from './metrics-source.ts';
import { readMetric } from './read-metric.ts';
import { readPath } from './request-path.ts';
import { type Route, routeOf } from './route.ts';
import { internalError, methodNotAllowed, StatusError } from './status.ts';

/** What was asked for and answered, for the operator's own metrics. */
export interface Observation {
  readonly path: 'pods' | 'object' | 'discovery' | 'probe' | 'other';
  /** HTTP status. */
  readonly status: number;
  readonly seconds: number;
}

export interface RequestListenerOptions {
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  readonly source: MetricsSource;
  /** What `/readyz` tells. */
  isReady(): boolean;
  /** Whether a connection may serve for another request. */
  mayStay(req: IncomingMessage): boolean;
  observe(observation: Observation): void;
  readonly log: Logger;
  /** Milliseconds. */
  readonly clock: () => number;
}

interface Answer {
  readonly status: number;
  /** JSON, or plain text. */
  readonly body: object | string;
}

/** Every request takes this way: observe, path, probes, who asks, method, discovery, may they, metric. */
export function createRequestListener(options: RequestListenerOptions): RequestListener {
  const { authenticate, authorize, source, isReady, mayStay, observe, log, clock } = options;

  const answerTo = async (req: IncomingMessage, route: Route, parameters: ReadonlyMap<string, string>) => {
    if (route.to === 'probe' && req.method === 'GET') return probe(route.name !== 'readyz' || isReady());
    // From here on nothing sees the headers: whoever asks is this identity.
    const identity = authenticate(req);
    if (req.method !== 'GET' || route.to === 'probe') throw methodNotAllowed();
    if (route.to === 'nothing') throw route.error;
    if (route.to === 'discovery') return { status: 200, body: route.document };
    await authorize(identity, route.path);
    return { status: 200, body: readMetric(route.path, parameters, source) };
  };

  const failure = (error: unknown): Answer => {
    if (error instanceof StatusError) return { status: error.status.code, body: error.status };
    log.error({ err: error }, 'Failed to answer a request');
    return { status: 500, body: internalError('the request could not be answered').status };
  };

  return async function handleRequest(req, res) {
    const start = clock();
    let path: Observation['path'] = 'other';
    res.once('finish', () => observe({ path, status: res.statusCode, seconds: (clock() - start) / 1_000 }));
    boundBody(req);
    const answering = async (): Promise<Answer> => {
      const { segments, parameters } = readPath(req.url ?? '');
      const route = routeOf(segments);
      path = nameOf(route);
      return await answerTo(req, route, parameters);
    };
    const answer = await answering().catch(failure);
    if (answer.status === 401 || !mayStay(req)) res.shouldKeepAlive = false;
    write(res, answer);
  };
}

function nameOf(route: Route): Observation['path'] {
  if (route.to === 'metric') return route.path.served.resource === 'pods' ? 'pods' : 'object';
  return route.to === 'nothing' ? 'other' : route.to;
}

function probe(good: boolean): Answer {
  return good ? { status: 200, body: 'ok' } : { status: 503, body: 'not ready' };
}

const LONGEST_BODY = 64 * 1024;

/** Nothing here has a use for a body. It is read so that the answer is not lost to a connection cut in the middle. */
function boundBody(req: IncomingMessage): void {
  let left = LONGEST_BODY;
  req.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) req.destroy();
  });
}

function write(res: ServerResponse, { status, body }: Answer): void {
  const json = typeof body === 'object';
  const text = json ? JSON.stringify(body) : body;
  res.writeHead(status, {
    'content-type': json ? 'application/json' : 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-cache, private',
    ...(status === 405 && { allow: 'GET' }),
  });
  res.end(text);
}
