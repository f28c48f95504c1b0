import type { IncomingMessage, ServerResponse } from 'node:http';
import { ErrorCode, isRequest, type JsonRpcMessage, type JsonRpcRequest } from '../../protocol/json-rpc.ts';
import type { Admission, Admitted } from '../admission.ts';
import { answerEmpty, answerError, answerJson } from '../answers.ts';
import type { Elsewhere, Work } from '../elsewhere.ts';
import type { Refuse } from '../refusals.ts';
import {
  acceptsAnswers,
  acceptsStream,
  backlogOf,
  canInitialize,
  idsAreFree,
  initializeAmong,
  knowsVersion,
  mayWait,
} from './post-checks.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

export interface LegacyEndpointOptions {
  readonly sessions: Sessions;
  readonly admission: Admission;
  readonly elsewhere: Elsewhere;
  readonly refuse: Refuse;
  /** Says what to wait for before a session may be served. */
  readonly fence?: { passing(): Promise<void> | undefined } | undefined;
  readonly maxRequestsPerSession: number;
}

/** The legacy era on `/mcp`: POST, GET and DELETE of sessions (MCP 2025-11-25, Streamable HTTP). */
export class LegacyEndpoint {
  readonly #options: LegacyEndpointOptions;

  constructor(options: LegacyEndpointOptions) {
    this.#options = options;
  }

  post(messages: readonly JsonRpcMessage[], batch: boolean, work: Work): void {
    const { req, res } = work;
    if (!acceptsAnswers(req, res)) return;
    const initialize = initializeAmong(messages);
    if (initialize !== undefined) return this.#initialize(initialize, messages, work);
    const id = sessionIdOf(req, res);
    if (id === undefined) return;
    // Says that the client lives: no reason to wake anything.
    const [first] = messages;
    if (!batch && first !== undefined && isPing(first) && this.#options.sessions.getParked(id) !== undefined) {
      return answerJson(res, 200, { jsonrpc: '2.0', id: first.id, result: {} });
    }
    this.#withSession(id, work, (session) => this.#receive(session, messages, batch, work));
  }

  get(work: Work): void {
    const { req, res } = work;
    if (!acceptsStream(req, res)) return;
    const id = sessionIdOf(req, res);
    if (id === undefined) return;
    const lastEventId = req.headers['last-event-id'];
    this.#withSession(id, work, (session) => {
      const listening = session.listen(res, typeof lastEventId === 'string' ? lastEventId : undefined);
      // 204 is how server-sent events say: there is nothing more, do not come back.
      if (!listening) answerEmpty(res, 204);
    });
  }

  delete(work: Work): void {
    const id = sessionIdOf(work.req, work.res);
    if (id === undefined || work.res.destroyed) return;
    const checking = this.#options.fence?.passing();
    if (checking !== undefined) return void checking.then(() => this.delete(work));
    if (this.#options.sessions.end(id, 'deleted')) return answerEmpty(work.res, 200);
    this.#options.elsewhere.serve(id, work, () => this.delete(work));
  }

  #receive(session: Session, messages: readonly JsonRpcMessage[], batch: boolean, { req, res, body = '' }: Work): void {
    const requests = messages.filter(isRequest);
    if (!idsAreFree(messages, res, (id) => session.isInFlight(id))) return;
    const { maxRequestsPerSession } = this.#options;
    if (requests.length > 0 && session.requestsInFlight + requests.length > maxRequestsPerSession) {
      const message = `Too many requests in flight: this session may have ${maxRequestsPerSession}.`;
      return answerError(res, 429, { code: ErrorCode.server, message }, requests[0]?.id ?? null, {
        'retry-after': '1',
      });
    }
    if (!mayWait(session, body, requests[0]?.id ?? null, res)) return;
    session.receive(messages, batch, req, res);
    session.addBacklog(backlogOf(body));
    if (requests.length === 0) answerEmpty(res, 202);
  }

  #initialize(initialize: JsonRpcRequest, messages: readonly JsonRpcMessage[], work: Work): void {
    const { req, res } = work;
    if (req.headers['mcp-session-id'] !== undefined) {
      const message = 'initialize does not take a session id.';
      return answerError(res, 400, { code: ErrorCode.invalidRequest, message }, initialize.id);
    }
    if (!canInitialize(initialize, messages, res)) return;
    const { admission, elsewhere, refuse, sessions } = this.#options;
    const admitted = admission.admit();
    if ('release' in admitted) return sessions.open(initialize, admitted.release, req, res);
    void elsewhere.offer(work).then((taken) => {
      if (taken || res.destroyed) return;
      const last = elsewhere.final ? admission.admitAfterAll() : admission.admit();
      if ('release' in last) sessions.open(initialize, last.release, req, res);
      else refuse(res, last.refused, initialize.id);
    });
  }

  /** Serves a request with the session that it names: here, woken if need be, or wherever it is. */
  #withSession(id: string, work: Work, serve: (session: Session) => void): void {
    // A client that has gone would never give back what it is given now.
    if (work.res.destroyed) return;
    const { sessions, admission, elsewhere, fence } = this.#options;
    const again = () => this.#withSession(id, work, serve);
    const checking = fence?.passing();
    if (checking !== undefined) return void checking.then(again);
    const session = sessions.get(id);
    if (session !== undefined) return serve(session);
    if (sessions.getParked(id) === undefined) return elsewhere.serve(id, work, again);
    const admitted = admission.admitReturning(id);
    if ('release' in admitted) return this.#wake(id, admitted, work, serve);
    void elsewhere.moveAway(id).then((moved) => {
      if (work.res.destroyed) return;
      if (moved || !sessions.has(id)) return elsewhere.serve(id, work, again);
      const awake = sessions.get(id);
      if (awake !== undefined) return serve(awake);
      this.#wake(id, admission.admitAfterAll(id), work, serve);
    });
  }

  #wake(id: string, admitted: Admitted, work: Work, serve: (session: Session) => void): void {
    if ('refused' in admitted) return this.#options.refuse(work.res, 'returning');
    const session = this.#options.sessions.wake(id, admitted.release);
    if (session !== undefined) return serve(session);
    // It ended, or went, to make the room that it was to get.
    admitted.release();
    this.#withSession(id, work, serve);
  }
}

function isPing(message: JsonRpcMessage): message is JsonRpcRequest {
  return isRequest(message) && message.method === 'ping';
}

/** The session that a request names, or `undefined` after having answered what is wrong with it. */
function sessionIdOf(req: IncomingMessage, res: ServerResponse): string | undefined {
  const id = req.headers['mcp-session-id'];
  if (typeof id !== 'string') {
    const message = 'Bad request: the Mcp-Session-Id header is missing. Send initialize first.';
    answerError(res, 400, { code: ErrorCode.server, message });
    return undefined;
  }
  return knowsVersion(req, res) ? id : undefined;
}
