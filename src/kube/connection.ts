import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import { type ConnectionRequest, Exchange, StaleSocket } from './exchange.ts';
import { readText } from './read-text.ts';

/** An answer, whatever its status. */
export interface Answer<Body = string> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
}

/** The way to an API server. Both throw a `KubeError` of status 0 without an answer, and the signal's reason once aborted. */
export interface Connection {
  /** Waits for the whole answer. */
  request(request: ConnectionRequest): Promise<Answer>;
  /** Waits for the head of the answer only; whoever stops reading the body closes the connection. */
  open(request: ConnectionRequest): Promise<Answer<AsyncIterable<Buffer>>>;
  /** Closes the sockets. */
  close(): void;
}

/** What makes a request that of somebody: TLS material and headers. */
export type Credentials = Pick<
  RequestOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername' | 'auth'
> & {
  readonly headers?: Readonly<Record<string, string>>;
  /** A way through a proxy, in place of our own. */
  readonly agent?: Agent;
};

export interface HttpConnectionOptions {
  /** Asked before each request: tokens rotate. */
  readonly credentials?: (() => Promise<Credentials>) | undefined;
  /** Milliseconds for a whole answer, or for the head of one that stays open. */
  readonly requestTimeoutMs?: number | undefined;
  /** Bytes. A page of 500 pods has 5 to 10 MB. */
  readonly maxBodyBytes?: number | undefined;
}

/** A server has dropped an idle connection after 90 s: ours are gone before. */
const IDLE_MS = 45_000;
/** From then on the kernel asks every second, ten times, so that a peer that vanished is noticed within 40 s. */
const PROBE_AFTER_MS = 30_000;
const MIB = 1024 ** 2;

/** Keeps its sockets alive, for `http:` and `https:` URLs. A path in the URL goes before that of each request. */
export function httpConnection(url: string, options: HttpConnectionOptions = {}): Connection {
  const {
    credentials = async (): Promise<Credentials> => ({}),
    requestTimeoutMs = 30_000,
    maxBodyBytes = 64 * MIB,
  } = options;
  const base = new URL(url);
  const secure = base.protocol === 'https:';
  const prefix = base.pathname.replace(/\/$/, '');
  const keepAlive = { keepAlive: true, keepAliveMsecs: PROBE_AFTER_MS, timeout: IDLE_MS };
  // An https.Agent tells sockets apart by their TLS options, so that a client certificate may change from one request to the next.
  const ownAgent = secure ? new HttpsAgent(keepAlive) : new Agent(keepAlive);

  const send = async (exchange: Exchange, { method, path, headers, body }: ConnectionRequest) => {
    const { agent = ownAgent, headers: identity, ...tls } = await exchange.unlessCut(credentials());
    const request = (secure ? httpsRequest : httpRequest)({
      ...tls,
      protocol: base.protocol,
      hostname: base.hostname.replaceAll(/[[\]]/g, ''),
      port: base.port,
      path: `${prefix}${path}`,
      method,
      agent,
      signal: exchange.signal,
      headers: {
        accept: 'application/json',
        'user-agent': 'berth',
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        ...identity,
        ...headers,
      },
    });
    return await responseTo(request, body);
  };

  /** A server may close an idle socket while a request is on its way to it; that says nothing about the server. */
  const respond = async (exchange: Exchange, request: ConnectionRequest): Promise<IncomingMessage> => {
    try {
      return await send(exchange, request);
    } catch (error) {
      if (!(error instanceof StaleSocket) || request.method === 'POST' || exchange.signal.aborted) throw error;
      return await send(exchange, request);
    }
  };

  return {
    async request(request) {
      const exchange = new Exchange(request, requestTimeoutMs);
      try {
        const response = await respond(exchange, request);
        return { ...headOf(response), body: await readText(response, maxBodyBytes) };
      } catch (error) {
        throw exchange.explain(error);
      } finally {
        exchange.end();
      }
    },

    async open(request) {
      const exchange = new Exchange(request, requestTimeoutMs);
      try {
        const response = await respond(exchange, request);
        exchange.stopTheClock();
        return { ...headOf(response), body: bodyOf(response, exchange) };
      } catch (error) {
        exchange.end();
        throw exchange.explain(error);
      }
    },

    close: () => ownAgent.destroy(),
  };
}

function responseTo(request: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.on('response', resolve);
  // Stays on: after the answer has begun, its stream tells of errors.
  request.on('error', (error: NodeJS.ErrnoException) => {
    const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    reject(stale ? new StaleSocket(error.message, { cause: error }) : error);
  });
  request.end(body);
  return promise;
}

function headOf({ statusCode = 0, headers }: IncomingMessage) {
  return { status: statusCode, headers };
}

async function* bodyOf(response: IncomingMessage, exchange: Exchange): AsyncGenerator<Buffer> {
  try {
    // Ending the loop early destroys the response, and with it the socket.
    yield* response as AsyncIterable<Buffer>;
  } catch (error) {
    throw exchange.explain(error);
  } finally {
    exchange.end();
  }
}
