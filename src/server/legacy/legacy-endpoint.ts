import type { IncomingMessage, ServerResponse } from 'node:http';
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';
import type { Admission } from '../admission.ts';
import { answerEmpty, answerError, answerSessionNotFound } from '../answers.ts';
import { ErrorCode, isRequest, type JsonRpcMessage, type JsonRpcRequest } from '../json-rpc.ts';
import type { Refusals } from '../refusals.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

/** Characters of `initialize` params: they are kept as long as the session, so that it can be woken with them. */
export const MAX_INITIALIZE = 64 * 1024;

export interface LegacyEndpointOptions {
  readonly sessions: Sessions;
  readonly admission: Admission;
  readonly refusals: Refusals;
  readonly maxRequestsPerSession: number;
}

/** The legacy era on `/mcp`: POST, GET and DELETE of sessions (MCP 2025-11-25, Streamable HTTP). */
export class LegacyEndpoint {
  readonly #options: LegacyEndpointOptions;

  constructor(options: LegacyEndpointOptions) {
    this.#options = options;
  }

  post(messages: readonly JsonRpcMessage[], batch: boolean, req: IncomingMessage, res: ServerResponse): void {
    if (!accepts(req, 'application/json') || !accepts(req, 'text/event-stream')) {
      const message = 'Not acceptable: the client must accept application/json and text/event-stream.';
      return answerError(res, 406, { code: ErrorCode.server, message });
    }
    const initialize = messages.find(isInitialize);
    if (initialize !== undefined) return this.#initialize(initialize, messages, req, res);
    const session = this.#sessionOf(req, res);
    if (session === undefined) return;
    const requests = messages.filter(isRequest);
    const ids = new Set(requests.map(({ id }) => id));
    const repeated = requests.find(({ id }) => session.isInFlight(id) || (requests.length > 1 && !ids.delete(id)));
    if (repeated !== undefined) {
      const message = `Request id ${JSON.stringify(repeated.id)} is already in flight.`;
      return answerError(res, 400, { code: ErrorCode.invalidRequest, message }, repeated.id);
    }
    const { maxRequestsPerSession } = this.#options;
    if (requests.length > 0 && session.requestsInFlight + requests.length > maxRequestsPerSession) {
      const message = `Too many requests in flight: this session may have ${maxRequestsPerSession}.`;
      return answerError(res, 429, { code: ErrorCode.server, message }, requests[0]?.id ?? null, {
        'retry-after': '1',
      });
    }
    session.receive(messages, batch, req, res);
    if (requests.length === 0) answerEmpty(res, 202);
  }

  get(req: IncomingMessage, res: ServerResponse): void {
    if (!accepts(req, 'text/event-stream')) {
      const message = 'Not acceptable: the client must accept text/event-stream.';
      return answerError(res, 406, { code: ErrorCode.server, message });
    }
    const lastEventId = req.headers['last-event-id'];
    const listening = this.#sessionOf(req, res)?.listen(res, typeof lastEventId === 'string' ? lastEventId : undefined);
    // 204 is how server-sent events say: there is nothing more, do not come back.
    if (listening === false) answerEmpty(res, 204);
  }

  delete(req: IncomingMessage, res: ServerResponse): void {
    const session = this.#sessionOf(req, res);
    if (session === undefined) return;
    session.end('deleted');
    answerEmpty(res, 200);
  }

  #initialize(
    initialize: JsonRpcRequest,
    messages: readonly JsonRpcMessage[],
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    const invalid = (message: string) =>
      answerError(res, 400, { code: ErrorCode.invalidRequest, message }, initialize.id);
    if (req.headers['mcp-session-id'] !== undefined) return invalid('initialize does not take a session id.');
    if (messages.length > 1) return invalid('initialize must be sent alone.');
    if (JSON.stringify(initialize.params ?? {}).length > MAX_INITIALIZE) {
      const message = `Payload too large: the params of initialize may have ${MAX_INITIALIZE} characters.`;
      return answerError(res, 413, { code: ErrorCode.server, message }, initialize.id);
    }
    const { admission, refusals, sessions } = this.#options;
    const admitted = admission.admitSession();
    if ('refused' in admitted) refusals.refuse(res, admitted.refused, initialize.id);
    else sessions.open(initialize, admitted.release, req, res);
  }

  /** The session that a request names, or `undefined` after having answered why there is none. */
  #sessionOf(req: IncomingMessage, res: ServerResponse): Session | undefined {
    const id = req.headers['mcp-session-id'];
    if (typeof id !== 'string') {
      const message = 'Bad request: the Mcp-Session-Id header is missing. Send initialize first.';
      answerError(res, 400, { code: ErrorCode.server, message });
      return undefined;
    }
    const version = req.headers['mcp-protocol-version'];
    if (version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(String(version))) {
      const supported = SUPPORTED_PROTOCOL_VERSIONS.join(', ');
      const message = `Bad request: MCP-Protocol-Version "${version}" is not supported. Supported: ${supported}.`;
      answerError(res, 400, { code: ErrorCode.server, message });
      return undefined;
    }
    const session = this.#options.sessions.get(id);
    if (session === undefined) answerSessionNotFound(res);
    return session;
  }
}

function isInitialize(message: JsonRpcMessage): message is JsonRpcRequest {
  return isRequest(message) && message.method === 'initialize';
}

function accepts(req: IncomingMessage, type: string): boolean {
  const accept = req.headers.accept ?? '';
  return accept.includes(type) || accept.includes('*/*') || accept.includes(`${type.split('/')[0]}/*`);
}
