import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import {
  ErrorCode,
  idOf,
  isRequest,
  isStrictMessage,
  type JsonRpcMessage,
  type JsonRpcRequest,
} from '../../protocol/json-rpc.ts';
import type { Admission } from '../admission.ts';
import { answerError, answerPreflight, answerSessionNotFound } from '../answers.ts';
import { type Body, BodyReader } from '../body.ts';
import type { Elsewhere, Work } from '../elsewhere.ts';
import { acceptsStream, backlogOf, canInitialize, mayWait } from '../legacy/post-checks.ts';
import type { Log } from '../log.ts';
import { contentProblem } from '../mcp-endpoint.ts';
import type { Refuse } from '../refusals.ts';
import type { Lane, WorkQueue } from '../work-queue.ts';
import { MESSAGES_PATH, type SseSession } from './sse-session.ts';
import type { SseSessions } from './sse-sessions.ts';

/** Where clients open their stream, which is their session. */
export const SSE_PATH = '/sse';

export interface SseEndpointOptions {
  readonly sessions: SseSessions;
  readonly admission: Admission;
  readonly elsewhere: Elsewhere;
  readonly refuse: Refuse;
  readonly queue: WorkQueue;
  readonly maxBody: number;
  readonly maxRequestsPerSession: number;
  /** What a pod that passes a stream on learns from its head. */
  readonly headersOf?: ((id: string) => OutgoingHttpHeaders) | undefined;
  readonly log: Log;
}

/** HTTP+SSE (MCP 2024-11-05, transports): `GET /sse` opens a session, `POST /messages` takes what its client says. */
export class SseEndpoint {
  readonly #options: SseEndpointOptions;
  /** Of sessions here, and of those elsewhere: neither can use up the other's budget. */
  readonly #bodies: Readonly<Record<'here' | 'elsewhere', BodyReader>>;

  constructor(options: SseEndpointOptions) {
    this.#options = options;
    const reader = () => new BodyReader(options.maxBody);
    this.#bodies = { here: reader(), elsewhere: reader() };
  }

  /** Takes a request for `/sse`. */
  handleStream(req: IncomingMessage, res: ServerResponse): void {
    const { admission, elsewhere, refuse } = this.#options;
    req.resume();
    if (req.method === 'OPTIONS') return answerPreflight(req, res, 'GET');
    if (req.method !== 'GET') return notAllowed(res, 'GET', SSE_PATH);
    if (!acceptsStream(req, res)) return;
    const closedFor = elsewhere.hasRoom ? undefined : admission.closedFor;
    if (closedFor !== undefined) return refuse(res, closedFor);
    this.#queue('opening', res, () => this.#open({ req, res, body: undefined, path: SSE_PATH }));
  }

  /** Takes a request for `/messages`. */
  handleMessage(req: IncomingMessage, res: ServerResponse): void {
    const { sessions, elsewhere, maxBody } = this.#options;
    const problem = req.method === 'POST' ? contentProblem(req) : undefined;
    const id = sessionIdOf(req);
    const session = id === undefined ? undefined : sessions.get(id);
    const readable = req.method === 'POST' && problem === undefined && id !== undefined;
    if (!readable || (session === undefined && !elsewhere.mayKnow(id))) {
      req.resume();
      if (req.method === 'OPTIONS') return answerPreflight(req, res, 'POST');
      if (req.method !== 'POST') return notAllowed(res, 'POST', MESSAGES_PATH);
      if (problem !== undefined) return answerError(res, 415, { code: ErrorCode.server, message: problem });
      if (id !== undefined) return answerSessionNotFound(res);
      const message = `Bad request: sessionId is missing. Open ${SSE_PATH} first: its first event says where to send to.`;
      return answerError(res, 400, { code: ErrorCode.server, message });
    }
    // From its headers on a message uses its session, which must not be sent away before it is served.
    const unpin = session?.pin();
    if (unpin !== undefined) res.once('close', unpin);
    const read = (body: Body) => {
      if ('refused' in body) return this.#refuseBody(body.refused, res);
      const path = `${MESSAGES_PATH}?sessionId=${encodeURIComponent(id)}`;
      this.#queue('call', res, () => {
        this.#post(id, { req, res, body: body.text, path });
        unpin?.();
      });
    };
    // What is passed on is kept until it is answered.
    if (session === undefined) this.#bodies.elsewhere.read(req, maxBody, read, res);
    else this.#bodies.here.read(req, maxBody, read);
  }

  /** The slot is taken before anything is awaited. */
  #open(work: Work): void {
    const { admission, elsewhere, refuse, sessions, headersOf } = this.#options;
    const { res } = work;
    const admitted = admission.admit();
    if ('release' in admitted) return sessions.open(res, admitted.release, headersOf);
    void elsewhere.offer(work).then((taken) => {
      if (taken || res.destroyed) return;
      const last = elsewhere.final ? admission.admitAfterAll() : admission.admit();
      if ('release' in last) sessions.open(res, last.release, headersOf);
      else refuse(res, last.refused);
    });
  }

  #post(id: string, work: Work & { readonly body: string }): void {
    const { sessions, elsewhere } = this.#options;
    const { req, res } = work;
    const session = sessions.get(id);
    // A session of `/mcp` may be brought here by its id; it is none of these all the same.
    if (session === undefined) return elsewhere.serve(id, work, () => answerSessionNotFound(res));
    const message = readMessage(work.body, res);
    if (message === undefined || (isRequest(message) && !this.#mayCall(message, session, res))) return;
    if (!mayWait(session, work.body, idOf(message), res)) return;
    session.receive(message, backlogOf(work.body), req);
    answerAccepted(res);
  }

  /** Whether a session takes a request; answers why not if not. */
  #mayCall(request: JsonRpcRequest, session: SseSession, res: ServerResponse): boolean {
    const { id } = request;
    const { maxRequestsPerSession } = this.#options;
    if (session.isInFlight(id)) {
      const message = `Request id ${JSON.stringify(id)} is already in flight.`;
      answerError(res, 400, { code: ErrorCode.invalidRequest, message }, id);
      return false;
    }
    if (session.requestsInFlight >= maxRequestsPerSession) {
      const message = `Too many requests in flight: this session may have ${maxRequestsPerSession}.`;
      answerError(res, 429, { code: ErrorCode.server, message }, id, { 'retry-after': '1' });
      return false;
    }
    return request.method !== 'initialize' || canInitialize(request, [request], res);
  }

  #refuseBody(why: 'too-large' | 'too-many' | 'gone', res: ServerResponse): void {
    if (why === 'gone') return;
    if (why === 'too-large') {
      const message = `Payload too large: this request body may have ${this.#options.maxBody} bytes.`;
      return answerError(res, 413, { code: ErrorCode.server, message });
    }
    const message = 'Too many large requests are on their way in at once.';
    answerError(res, 429, { code: ErrorCode.server, message }, null, { 'retry-after': '1' });
  }

  /** What throws here is a fault of ours or of the module's; it must cost this request and nobody else's. */
  #queue(lane: Lane, res: ServerResponse, work: () => void): void {
    this.#options.queue.push(lane, () => {
      if (res.destroyed) return;
      try {
        work();
      } catch (error) {
        this.#options.log.error({ err: error }, 'Request failed');
        answerError(res, 500, { code: ErrorCode.internal, message: 'Internal error' });
      }
    });
  }
}

/** The message in a body, or `undefined` after having answered what is wrong with it. */
function readMessage(text: string, res: ServerResponse): JsonRpcMessage | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    const message = 'Parse error: the request body is not valid JSON.';
    answerError(res, 400, { code: ErrorCode.parse, message });
    return undefined;
  }
  if (isStrictMessage(body)) return body;
  const found = Array.isArray(body) ? `a batch of ${body.length}` : 'something else';
  const message = `Invalid request: the body must be one JSON-RPC message. Got ${found}.`;
  answerError(res, 400, { code: ErrorCode.invalidRequest, message }, idOf(body));
  return undefined;
}

/** The session that a request names in its query. */
function sessionIdOf({ url = '' }: IncomingMessage): string | undefined {
  const query = url.indexOf('?');
  const id = query === -1 ? null : new URLSearchParams(url.slice(query)).get('sessionId');
  return id === null || id === '' ? undefined : id;
}

/** The answer comes on the stream. */
function answerAccepted(res: ServerResponse): void {
  if (res.destroyed) return;
  res.writeHead(202, { 'content-type': 'text/plain', 'content-length': ACCEPTED.length });
  res.end(ACCEPTED);
}

const ACCEPTED = 'Accepted';

function notAllowed(res: ServerResponse, methods: string, path: string): void {
  const message = `Method not allowed: ${path} takes ${methods}.`;
  answerError(res, 405, { code: ErrorCode.server, message }, null, { allow: `${methods}, OPTIONS` });
}
