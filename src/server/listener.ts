import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type ListenOptions,
  type Server as TcpServer,
} from 'node:net';
import type { Duplex } from 'node:stream';

export interface ListenerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Sockets that share the port; libuv accepts one connection per turn and socket. */
  readonly sockets: number;
  /** Milliseconds a whole request may take to arrive, headers and body. */
  readonly requestTimeout: number;
  /** Whether other processes of this server listen on the port as well. */
  readonly shared?: boolean;
  readonly onRequest: RequestListener;
  /** What answers are written with, if not with Node's own. */
  readonly responses?: typeof ServerResponse;
}

/** An HTTP listener: one port, one or several sockets. */
export interface Listener {
  readonly port: number;
  /** Ends the connections on which nothing is asked or answered. */
  closeIdle(): void;
  /** Closes the sockets that listen and those that idle; ends when the others have closed as well. */
  close(): Promise<void>;
  /** Ends every connection now. */
  destroy(): void;
}

/** The kernel caps it at `net.core.somaxconn`, which is 4096 by default. */
const BACKLOG = 4096;
/** Longer than the idle timeout of common load balancers (60 s), or they would send into a closing socket. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** Listens; rejects with a sentence that names the address when it can not. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { host, port, sockets, shared: withOthers = false } = options;
  // `reusePort` would let two processes of one user share a port without either noticing.
  if (port !== 0 && sockets > 1 && !withOthers) await assertFree(host, port);
  const servers = [createServer(options)];
  const first = servers[0] as Server;
  const shared = sockets > 1 && (await tryListen(first, { host, port, backlog: BACKLOG, reusePort: true }));
  if (!shared && withOthers) throw cannotShare(host, port);
  if (!shared) await bind(first, { host, port, backlog: BACKLOG });
  const bound = (first.address() as AddressInfo).port;
  for (let i = 1; shared && i < sockets; i++) servers.push(createServer(options));
  try {
    for (const server of servers.slice(1)) {
      await bind(server, { host, port: bound, backlog: BACKLOG, reusePort: true });
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return {
    port: bound,
    closeIdle: () => {
      for (const server of servers) server.closeIdleConnections();
    },
    close: async () => {
      await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
    },
    destroy: () => {
      for (const server of servers) server.closeAllConnections();
    },
  };
}

/** Time for the last answers to reach their clients. */
const FLUSH_MS = 500;

/** Closes a listener; what is still open after half a second, or at once when in a hurry, is cut. */
export async function closeGently(listener: Pick<Listener, 'close' | 'destroy'>, hurry: AbortSignal): Promise<void> {
  const closed = listener.close();
  const timer = setTimeout(() => listener.destroy(), hurry.aborted ? 0 : FLUSH_MS);
  await closed;
  clearTimeout(timer);
}

function createServer({ onRequest, responses, requestTimeout }: ListenerOptions): Server {
  const server = createHttpServer(
    {
      ...(responses && { ServerResponse: responses }),
      requestTimeout,
      headersTimeout: requestTimeout,
      connectionsCheckingInterval: Math.min(1_000, Math.ceil(requestTimeout / 4)),
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // A client that vanished without a word is found out by TCP.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    },
    onRequest,
  );
  server.on('clientError', answerClientError);
  return server;
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request timeout: the request did not arrive in time (--body-timeout).'],
  HPE_HEADER_OVERFLOW: [431, 'Request header fields too large: headers may have 16 KiB.'],
};

/** Node calls this for requests that never became one: too slow, too large a header, or not HTTP. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  const { _httpMessage: response } = socket as { readonly _httpMessage?: { readonly headersSent: boolean } };
  // A second answer in the middle of one would be read as part of it.
  if (error.code === 'ECONNRESET' || !socket.writable || response?.headersSent === true) {
    socket.destroy();
    return;
  }
  const [status, message] = CLIENT_ERRORS[error.code ?? ''] ?? [400, 'Bad request: this is not HTTP/1.1.'];
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code: -32000, message }, id: null });
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json`;
  // Not left half-open: a client that never closes its side would keep the descriptor.
  const answer = `${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  socket.end(answer, () => socket.destroy());
}

/** Rejects with a sentence when the port is taken: to be asked once, before the first of those who share it listens. */
export async function assertFree(host: string, port: number): Promise<void> {
  const probe = createTcpServer();
  await bind(probe, { host, port });
  probe.close();
  await once(probe, 'close');
}

function bind(server: TcpServer, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(describe(error, options));
    server.once('error', fail);
    server.listen(options, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

/** Whether the platform can share ports. */
async function tryListen(server: Server, options: ListenOptions): Promise<boolean> {
  try {
    await bind(server, options);
    return true;
  } catch (error) {
    if ((error as ListenError).code === 'ENOTSUP' || (error as ListenError).code === 'EINVAL') return false;
    throw error;
  }
}

function cannotShare(host: string, port: number): ListenError {
  const reason = 'processes can not share a port on this platform. Use --workers 1';
  return new ListenError(`Cannot listen on ${host}:${port}: ${reason}.`, 'ENOTSUP');
}

/** Why an address can not be listened on. */
export class ListenError extends Error {
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.name = 'ListenError';
    this.code = code;
  }
}

function describe(error: NodeJS.ErrnoException, { host, port }: ListenOptions): ListenError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use. Stop what uses it, or choose another',
    EACCES: 'the port needs more rights. Choose one from 1024 on',
    EADDRNOTAVAIL: 'this machine does not have that address. Choose another',
  };
  const code = error.code ?? 'unknown';
  return new ListenError(`Cannot listen on ${host}:${port}: ${reasons[code] ?? error.message}.`, code);
}
