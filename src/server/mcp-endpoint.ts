import type { IncomingMessage, ServerResponse } from 'node:http';
import { ErrorCode, type JsonRpcMessage } from '../protocol/json-rpc.ts';
import type { Admission } from './admission.ts';
import { answerError, answerPreflight, answerSessionNotFound } from './answers.ts';
import { type Body, BodyReader } from './body.ts';
import { classify, headersAreModern } from './classify.ts';
import type { Elsewhere, Work } from './elsewhere.ts';
import { MAX_INITIALIZE } from './legacy/post-checks.ts';
import type { Session } from './legacy/session.ts';
import type { Log } from './log.ts';
import type { ModernEndpoint } from './modern/modern-endpoint.ts';
import type { Refuse } from './refusals.ts';
import type { Lane, WorkQueue } from './work-queue.ts';

/** Bytes of a body that can only be an `initialize`; its params have a tighter limit, which says more clearly what is wrong. */
const MAX_OPENING_BODY = 4 * MAX_INITIALIZE;

/** Serves the legacy era, with sessions or without. */
export interface LegacyPort {
  post(messages: readonly JsonRpcMessage[], batch: boolean, work: Work): void;
  get(work: Work): void;
  delete(work: Work): void;
}

export interface McpEndpointOptions {
  readonly legacy: LegacyPort;
  /** Whether legacy requests name no sessions. */
  readonly stateless: boolean;
  /** None when the server objects are of the legacy SDK. */
  readonly modern: ModernEndpoint | undefined;
  readonly admission: Admission;
  readonly elsewhere: Elsewhere;
  readonly refuse: Refuse;
  readonly sessions: { get(id: string): Session | undefined; has(id: string): boolean };
  readonly queue: WorkQueue;
  readonly maxBody: number;
  readonly log: Log;
}

/** `/mcp`, both eras on one path: reads a request as far as is needed to know whose it is, and hands it on. */
export class McpEndpoint {
  readonly #options: McpEndpointOptions;
  /** Each kind of client has a budget of its own: nobody can use up another's. */
  readonly #bodies: Readonly<Record<'members' | 'elsewhere' | 'strangers', BodyReader>>;

  constructor(options: McpEndpointOptions) {
    this.#options = options;
    const reader = () => new BodyReader(options.maxBody);
    this.#bodies = { members: reader(), elsewhere: reader(), strangers: reader() };
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    switch (req.method) {
      case 'POST':
        return this.#post(req, res);
      case 'GET':
        return headersAreModern(req) ? this.#notAllowed(res) : this.#options.legacy.get({ req, res, body: undefined });
      case 'DELETE':
        return headersAreModern(req)
          ? this.#notAllowed(res)
          : this.#options.legacy.delete({ req, res, body: undefined });
      case 'OPTIONS':
        return answerPreflight(req, res, 'GET, POST, DELETE');
      default:
        return this.#notAllowed(res);
    }
  }

  #post(req: IncomingMessage, res: ServerResponse): void {
    const { admission, elsewhere, refuse, queue, sessions, stateless, maxBody } = this.#options;
    const problem = contentProblem(req);
    if (problem !== undefined) {
      req.resume();
      return answerError(res, 415, { code: ErrorCode.server, message: problem });
    }
    const modern = headersAreModern(req);
    const sessionId = stateless ? undefined : req.headers['mcp-session-id'];
    const isNew = sessionId === undefined && !modern && !stateless;
    const closedFor = isNew && !elsewhere.hasRoom ? admission.closedFor : undefined;
    if (closedFor !== undefined) {
      req.resume();
      return refuse(res, closedFor);
    }
    const named = typeof sessionId === 'string' ? sessionId : undefined;
    const session = named === undefined ? undefined : sessions.get(named);
    const member = named !== undefined && (sessions.has(named) || elsewhere.mayKnow(named));
    // From its headers on a request uses its session, which must not end as idle before the request is served.
    session?.use.pin();
    // Nothing but an initialize can be right without a session that is somewhere.
    const limit = member || modern || stateless ? maxBody : Math.min(maxBody, MAX_OPENING_BODY);
    const read = (body: Body) => {
      if ('refused' in body) {
        session?.use.unpin();
        return this.#refuseBody(body.refused, limit, member, sessionId !== undefined && !modern, res);
      }
      const lane = isNew ? 'opening' : 'call';
      queue.push(lane, () => {
        try {
          this.#attempt(res, () => this.#dispatch({ req, res, body: body.text }, lane));
        } finally {
          session?.use.unpin();
        }
      });
    };
    // What is passed on is kept until it is answered.
    const kept = session === undefined && member ? res : undefined;
    this.#bodies[kept !== undefined ? 'elsewhere' : member ? 'members' : 'strangers'].read(req, limit, read, kept);
  }

  #refuseBody(
    why: 'too-large' | 'too-many' | 'gone',
    limit: number,
    member: boolean,
    sessionNamed: boolean,
    res: ServerResponse,
  ): void {
    if (why === 'gone') return;
    if (!member && sessionNamed) {
      answerSessionNotFound(res);
    } else if (why === 'too-large') {
      const message = `Payload too large: this request body may have ${limit} bytes.`;
      answerError(res, 413, { code: ErrorCode.server, message });
    } else if (!member) {
      this.#options.refuse(res, 'capacity');
    } else {
      const message = 'Too many large requests are on their way in at once.';
      answerError(res, 429, { code: ErrorCode.server, message }, null, { 'retry-after': '1' });
    }
  }

  /** What throws here is a fault of ours or of the module's; it must cost this request and nobody else's. */
  #attempt(res: ServerResponse, work: () => void): void {
    if (res.destroyed) return;
    try {
      work();
    } catch (error) {
      this.#options.log.error({ err: error }, 'Request failed');
      answerError(res, 500, { code: ErrorCode.internal, message: 'Internal error' });
    }
  }

  #dispatch(work: Work & { readonly body: string }, lane: Lane): void {
    const { req, res } = work;
    const classified = classify(req, work.body);
    if (classified.kind === 'legacy') {
      const serve = () => this.#options.legacy.post(classified.messages, classified.batch, work);
      // Headers that promised a modern call must not buy an opening a place among the calls.
      if (lane === 'call' && !this.#options.stateless && req.headers['mcp-session-id'] === undefined) {
        this.#options.queue.push('opening', () => this.#attempt(res, serve));
      } else serve();
    } else if (classified.kind === 'invalid') {
      answerError(res, 400, classified, classified.id);
    } else if (this.#options.modern !== undefined) {
      void this.#options.modern.post(classified, work, this.#options.elsewhere, this.#options.refuse);
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

/** Why a request's body can not be read, from its headers. */
export function contentProblem(req: IncomingMessage): string | undefined {
  const value = req.headers['content-type'] ?? '';
  const type = value.split(';')[0]?.trim().toLowerCase();
  // Two types are none (RFC 9110 §8.3); a comma in quotes is part of a parameter.
  const several = value.includes(',') && value.replaceAll(/"[^"]*"/g, '').includes(',');
  if (type !== 'application/json' || several) return 'Unsupported Media Type: Content-Type must be application/json';
  const encoding = req.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return undefined;
  return `Unsupported media type: Content-Encoding "${encoding}" is not supported.`;
}
