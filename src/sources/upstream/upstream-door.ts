import {
  type Agent,
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { Goodbyes } from './goodbyes.ts';
import { redirectedPath, staysRedirected } from './redirects.ts';
import { UpstreamError, type UpstreamErrorKind } from './upstream-error.ts';

/** One request to the upstream. */
export interface UpstreamRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path and query; those of the MCP endpoint unless given. */
  readonly path?: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: string;
  /** Ends it, and its answer too. */
  readonly signal: AbortSignal;
  /** Whether it does no harm when it is carried out twice. */
  readonly repeatable: boolean;
  /** Called when there is a connection for it, so that the upstream may see it from now on. */
  sent?(): void;
}

export interface UpstreamDoorOptions {
  /** The MCP endpoint. */
  readonly url: URL;
  /** A connection came about. */
  reached(): void;
  /** A connection did not come about. */
  unreachable(error: unknown): void;
}

const CONNECT_LIMIT_MS = 5_000;
/** Servers close idle connections, many after 5 s; one that is closed in the face of a call costs that call. */
const IDLE_MS = 4_000;
/** A quick restart goes unseen; below the 2 s after which an answer becomes a stream and can not say 502 any more. */
const PATIENCE_MS = 1_800;
const LEAST_PAUSE_MS = 25;
const MOST_PAUSE_MS = 300;
/** Sessions that end with this process say goodbye to the upstream, but nobody waits longer for it. */
const CLOSE_LIMIT_MS = 2_000;

/** All requests to one upstream go through here: over kept connections, and with a word for why one failed. */
export class UpstreamDoor {
  readonly #options: UpstreamDoorOptions;
  readonly #agent: Agent;
  readonly #request: typeof httpRequest;
  readonly #secure: boolean;
  readonly #goodbyes = new Goodbyes();
  #path: string;

  constructor(options: UpstreamDoorOptions) {
    this.#options = options;
    const { protocol, pathname, search } = options.url;
    this.#secure = protocol === 'https:';
    this.#request = this.#secure ? httpsRequest : httpRequest;
    this.#agent = new (this.#secure ? HttpsAgent : HttpAgent)({ keepAlive: true, timeout: IDLE_MS });
    this.#path = pathname + search;
  }

  get url(): URL {
    return this.#options.url;
  }

  /**
   * Sends a request; resolves with the beginning of the answer, which has to be read or destroyed. Rejects with an
   * `UpstreamError`, or as the signal says.
   */
  async send(request: UpstreamRequest): Promise<IncomingMessage> {
    const path = request.path ?? this.#path;
    const answer = await this.#sendTwice(request, path);
    const target = request.path === undefined ? redirectedPath(answer, path, this.#options.url) : undefined;
    if (target === undefined) return answer;
    answer.resume();
    if (staysRedirected(answer, path, target)) this.#path = target;
    return await this.#sendTwice(request, target);
  }

  /** As `send`, but an upstream that can not be reached is tried for a while: it may be restarting. */
  async sendPatiently(request: UpstreamRequest): Promise<IncomingMessage> {
    const deadline = performance.now() + PATIENCE_MS;
    for (let pause = LEAST_PAUSE_MS; ; pause = Math.min(2 * pause, MOST_PAUSE_MS)) {
      try {
        return await this.send(request);
      } catch (error) {
        const notBegun = error instanceof UpstreamError && error.kind === 'unreachable';
        if (!notBegun || performance.now() + pause > deadline) throw error;
      }
      // Half of it left to chance, so that those who failed together do not all come back together.
      await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal: request.signal });
    }
  }

  /** Sends the last request of a session, for whose answer `close` waits a little. Never rejects. */
  sayGoodbye(headers: OutgoingHttpHeaders): Promise<void> {
    return this.#goodbyes.say(async (signal) => {
      const answer = await this.send({ method: 'DELETE', headers, signal, repeatable: true });
      answer.resume();
    });
  }

  /** Lets the opening of a session that nobody wants any more go on for a while, so that a goodbye can be said to it. */
  expectGoodbye(opening: Promise<void>, cut: () => void): void {
    this.#goodbyes.expect(opening, cut);
  }

  /** Ends all connections, once the goodbyes are said. */
  async close(): Promise<void> {
    await this.#goodbyes.end(CLOSE_LIMIT_MS);
    this.#agent.destroy();
  }

  /**
   * A kept connection that ends without an answer does not tell whether the request was read. Only what does no harm twice
   * is repeated then. A call is not; it lets the event loop turn once instead, so that connections which the upstream has
   * closed by then are known to be.
   */
  async #sendTwice(request: UpstreamRequest, path: string): Promise<IncomingMessage> {
    if (!request.repeatable) await setImmediate();
    try {
      return await this.#send(request, path, this.#agent);
    } catch (error) {
      const stale = error instanceof UpstreamError && error.kind === 'broken' && error.onKeptConnection;
      if (!stale || !request.repeatable) throw error;
      return await this.#send(request, path, false);
    }
  }

  async #send(request: UpstreamRequest, path: string, agent: Agent | false): Promise<IncomingMessage> {
    const { method, headers, body, signal } = request;
    const { hostname, port, host } = this.#options.url;
    signal.throwIfAborted();
    return await new Promise((resolve, reject) => {
      const outgoing = this.#request({
        agent,
        method,
        path,
        host: hostname.replace(/^\[|\]$/g, ''),
        port,
        headers: { ...headers, host, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) },
      });
      // Not by Node's own means: an abort between an answer's end and the return of its connection would be an uncaught error.
      let cut = () => void outgoing.destroy();
      const abort = () => cut();
      signal.addEventListener('abort', abort, { once: true });
      const fail = (kind: UpstreamErrorKind, cause: unknown) =>
        reject(
          signal.aborted
            ? signal.reason
            : new UpstreamError(this.#options.url.href, kind, cause, outgoing.reusedSocket),
        );
      outgoing.once('close', () => signal.removeEventListener('abort', abort));
      // Node closes without a word what is answered with 101.
      const unanswered = () => fail('broken', new Error('no HTTP answer to this request'));
      outgoing.once('close', unanswered);
      let finished = false;
      outgoing.once('finish', () => {
        finished = true;
      });
      const connected = watchConnecting(outgoing, request.sent);
      outgoing.once('response', (answer) => {
        outgoing.off('close', unanswered);
        // Node forgets why an answer broke if nobody listens yet: to its reader it would look complete.
        answer.on('error', () => {});
        cut = () => void answer.destroy(new Error('The request was given up.'));
        this.#options.reached();
        resolve(answer);
      });
      // Errors after the answer has begun are the answer's, which whoever reads it hears of.
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // A write that fails leaves the request incomplete: the upstream has nothing to carry out. Over TLS it may also be
        // one of TLS itself, after all of the request.
        const incomplete = error.syscall === 'write' && !(this.#secure && finished);
        if (!connected() && !signal.aborted) this.#options.unreachable(error);
        fail(connected() && !incomplete ? 'broken' : 'unreachable', error);
      });
      outgoing.end(body);
    });
  }
}

/** Bounds the time to connect; the function tells whether there was a connection. */
function watchConnecting(outgoing: ClientRequest, sent: UpstreamRequest['sent']): () => boolean {
  let connected = false;
  outgoing.once('socket', (socket) => {
    if (outgoing.reusedSocket || !socket.connecting) {
      connected = true;
      return sent?.();
    }
    const timer = setTimeout(() => outgoing.destroy(new ConnectTimeout()), CONNECT_LIMIT_MS);
    const done = () => {
      clearTimeout(timer);
      socket.off('close', done).off(event, open);
    };
    const open = () => {
      connected = true;
      done();
      sent?.();
    };
    const event = 'encrypted' in socket ? 'secureConnect' : 'connect';
    socket.once(event, open).once('close', done);
  });
  return () => connected;
}

class ConnectTimeout extends Error {
  readonly code = 'ETIMEDOUT';

  constructor() {
    super(`no connection within ${CONNECT_LIMIT_MS} ms`);
  }
}
