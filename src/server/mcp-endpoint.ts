import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admission } from './admission.ts';
import { answerEmpty, answerError } from './answers.ts';
import { BodyReader } from './body.ts';
import { classify, headersAreModern } from './classify.ts';
import { ErrorCode } from './json-rpc.ts';
import type { LegacyEndpoint } from './legacy/legacy-endpoint.ts';
import type { Session } from './legacy/session.ts';
import type { Log } from './log.ts';
import type { ModernEndpoint } from './modern/modern-endpoint.ts';
import type { Refusals } from './refusals.ts';
import type { WorkQueue } from './work-queue.ts';

export interface McpEndpointOptions {
  readonly legacy: LegacyEndpoint;
  /** None when the server objects are of the legacy SDK. */
  readonly modern: ModernEndpoint | undefined;
  readonly admission: Admission;
  readonly refusals: Refusals;
  readonly sessions: { get(id: string): Session | undefined };
  readonly queue: WorkQueue;
  readonly maxBody: number;
  readonly log: Log;
}

/** `/mcp`, both eras on one path: reads a request as far as is needed to know whose it is, and hands it on. */
export class McpEndpoint {
  readonly #options: McpEndpointOptions;
  readonly #bodies: BodyReader;

  constructor(options: McpEndpointOptions) {
    this.#options = options;
    this.#bodies = new BodyReader(options.maxBody);
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    switch (req.method) {
      case 'POST':
        return this.#post(req, res);
      case 'GET':
        return headersAreModern(req) ? this.#notAllowed(res) : this.#options.legacy.get(req, res);
      case 'DELETE':
        return headersAreModern(req) ? this.#notAllowed(res) : this.#options.legacy.delete(req, res);
      case 'OPTIONS':
        return answerEmpty(res, 204, {
          'access-control-allow-methods': 'GET, POST, DELETE',
          'access-control-allow-headers': req.headers['access-control-request-headers'] ?? '*',
          'access-control-max-age': '86400',
        });
      default:
        return this.#notAllowed(res);
    }
  }

  #post(req: IncomingMessage, res: ServerResponse): void {
    const { admission, refusals, queue, sessions } = this.#options;
    const problem = contentProblem(req);
    if (problem !== undefined) {
      req.resume();
      return answerError(res, 415, { code: ErrorCode.server, message: problem });
    }
    const modern = headersAreModern(req);
    const sessionId = req.headers['mcp-session-id'];
    const isNew = sessionId === undefined && !modern;
    const closedFor = isNew ? admission.closedFor : undefined;
    if (closedFor !== undefined) {
      req.resume();
      return refusals.refuse(res, closedFor);
    }
    const session = typeof sessionId === 'string' ? sessions.get(sessionId) : undefined;
    // From its headers on a request uses its session, which must not end as idle before the request is served.
    const unpin = session?.pin();
    if (unpin !== undefined) res.once('close', unpin);
    this.#bodies.read(req, session === undefined, (body) => {
      if ('refused' in body) {
        if (body.refused === 'too-many') return refusals.refuse(res, 'capacity');
        const message = `Payload too large: a request body may have ${this.#bodies.limit} bytes.`;
        return answerError(res, 413, { code: ErrorCode.server, message });
      }
      queue.push(isNew ? 'opening' : 'call', () => {
        if (!res.destroyed) this.#serve(req, res, body.text);
        unpin?.();
      });
    });
  }

  /** What throws here is a fault of ours or of the module's; it must cost this request and nobody else's. */
  #serve(req: IncomingMessage, res: ServerResponse, text: string): void {
    try {
      this.#dispatch(req, res, text);
    } catch (error) {
      this.#options.log.error({ err: error }, 'Request failed');
      answerError(res, 500, { code: ErrorCode.internal, message: 'Internal error' });
    }
  }

  #dispatch(req: IncomingMessage, res: ServerResponse, text: string): void {
    const classified = classify(req, text);
    if (classified.kind === 'legacy') {
      this.#options.legacy.post(classified.messages, classified.batch, req, res);
    } else if (classified.kind === 'invalid') {
      answerError(res, 400, classified, classified.id);
    } else if (this.#options.modern !== undefined) {
      void this.#options.modern.post(classified, req, res);
    } else {
      // What a server of the legacy SDK says; a client of both eras then sends initialize.
      const message = 'Bad request: unsupported protocol version. This server speaks versions up to 2025-11-25.';
      answerError(res, 400, { code: ErrorCode.server, message });
    }
  }

  #notAllowed(res: ServerResponse): void {
    const message = 'Method not allowed.';
    answerError(res, 405, { code: ErrorCode.server, message }, null, { allow: 'GET, POST, DELETE, OPTIONS' });
  }
}

function contentProblem(req: IncomingMessage): string | undefined {
  const type = req.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') return 'Unsupported media type: Content-Type must be application/json.';
  const encoding = req.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return undefined;
  return `Unsupported media type: Content-Encoding "${encoding}" is not supported.`;
}
