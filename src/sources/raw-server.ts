import type { OutgoingHttpHeaders } from 'node:http';
import { ErrorCode, isMessage, type JsonRpcError, type JsonRpcMessage, type RequestId } from '../protocol/json-rpc.ts';

/** What came with a client's message over HTTP; no headers for one that another transport brought. */
export interface ClientContext {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The address that the request came from. */
  readonly remoteAddress?: string | undefined;
}

/** What came with a web request; read only by those who pass it on, since most do not. */
export function contextOf({ headers }: Request): ClientContext {
  return {
    get headers() {
      return Object.fromEntries(headers);
    },
  };
}

/** A client's message, and what came with it. */
export interface ClientMessage {
  readonly message: JsonRpcMessage;
  readonly context: ClientContext;
}

/** What HTTP can say and JSON-RPC can not, such as 401 with `WWW-Authenticate`. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

/** The same in the words of JSON-RPC, where HTTP's can not be said: the error in its body, or one that names the status. */
export function errorIn({ status, body }: HttpAnswer): JsonRpcError['error'] {
  try {
    const message: unknown = JSON.parse(body);
    if (isMessage(message) && 'error' in message) return message.error;
  } catch {
    // A page for people, or nothing at all.
  }
  return { code: ErrorCode.server, message: `The server answered with HTTP status ${status}.` };
}

/** The same answer to another request: an error in its body names that one. */
export function answerFor(id: RequestId, answer: HttpAnswer): HttpAnswer {
  const error = errorIn(answer);
  return isJson(answer) ? { ...answer, body: JSON.stringify({ jsonrpc: '2.0', id, error }) } : answer;
}

function isJson({ headers }: HttpAnswer): boolean {
  return String(headers['content-type'] ?? '').startsWith('application/json');
}

/** What a raw server can do to the session it serves. */
export interface RawClient {
  /**
   * Sends a message to the client: an answer, or with `relatedTo` what belongs to that request of the client's. The
   * promise, if there is one, ends when a slow reader has caught up: whoever reads on before it fills the memory.
   */
  send(message: JsonRpcMessage, relatedTo?: RequestId): Promise<void> | undefined;
  /** Answers a request with this in place of a JSON-RPC message, unless its answer has begun. */
  answer(id: RequestId, answer: HttpAnswer): void;
  /**
   * The server is gone, or does not know this session any more. Calls that it had begun fail with `why`; `notBegun` it
   * has not begun: they may be sent to another. A parkable session goes on with a new server, any other one ends.
   */
  lost(why: string, notBegun?: readonly ClientMessage[]): void;
}

/** The server of one session, run by another process: it takes the client's messages as they are (legacy era). */
export interface RawServer {
  /** Bytes that it was sent and that wait to be read, as far as is known. */
  readonly unsent?: number;
  /** Rejects when the server can not be had, with what to tell people about it. */
  connect(client: RawClient): Promise<void>;
  /** Takes the client's next message; called only between `connect` and `close`. Never throws. */
  receive(message: JsonRpcMessage, context: ClientContext): void;
  /** Lets go of everything of this session; resolves when it is gone. */
  close(): Promise<void>;
}
