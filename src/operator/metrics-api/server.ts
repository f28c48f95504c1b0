import { constants } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import { createAuthenticator } from './authenticate.ts';
import { type AccessReviews, createAuthorizer } from './authorize.ts';
import { ClientCertificates } from './client-certificate.ts';
import { answerClientError } from './client-error.ts';
import type { MetricsSource } from './metrics-source.ts';
import { createRefusalLog } from './refusal-log.ts';
import type { RequestHeaderConfig } from './request-header.ts';
import { createRequestListener, type Observation } from './request-listener.ts';

/** PEM. */
export interface ServingCertificate {
  /** The certificate, and those that lead to its CA. */
  readonly cert: string;
  readonly key: string;
}

export interface MetricsApiOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly source: MetricsSource;
  /** An API server, to ask who may read what. */
  readonly api: AccessReviews;
  readonly log: Logger;
  /** What `/readyz` tells. */
  isReady(): boolean;
  observe?(observation: Observation): void;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
  /** Milliseconds for a handshake, and for a whole request. */
  readonly requestTimeoutMs?: number;
  /** Ends the server. */
  readonly signal: AbortSignal;
}

/** The server of `custom.metrics.k8s.io`. It has no certificate and believes nobody until it is given what it needs. */
export interface MetricsApi {
  readonly port: number;
  /** Shows another certificate in handshakes from now on; throws if it is unfit, and goes on with the former. */
  present(certificate: ServingCertificate): void;
  /** Believes the aggregator that this configuration tells of, and no other, also on connections that are open. */
  trust(config: RequestHeaderConfig): void;
  /** Ends each connection with its next answer, so that clients go to another replica. */
  drain(): void;
  /** Fulfilled when the server has ended. */
  readonly closed: Promise<void>;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** Go's clients drop a connection that was idle for 90 s: they are the first to. */
const KEEP_ALIVE_TIMEOUT_MS = 120_000;
/** For a reader that takes nothing. */
const STALL_MS = 30_000;
/** Groups of a caller may be many. */
const LONGEST_HEADERS = 64 * 1024;
/** An API server has a connection for each request at a time, and autoscalers make five at a time. */
const MOST_CONNECTIONS = 1_000;
/** Time for the last answers to reach their clients. */
const FLUSH_MS = 500;
/** A connection that is resumed, or negotiated anew, would not be verified with the CA of its time. */
const TLS: SecureContextOptions = {
  minVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
};

/** Serves the API; rejects when it can not listen. */
export async function startMetricsApi(options: MetricsApiOptions): Promise<MetricsApi> {
  const { source, api, log, isReady, signal, observe = () => {}, clock = Date.now } = options;
  signal.throwIfAborted();
  const certificates = new ClientCertificates(clock);
  let serving: ServingCertificate | undefined;
  let requestHeader: RequestHeaderConfig | undefined;
  let context: SecureContext | undefined;
  let draining = false;

  const server = createHttpsServer(options, () => context);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    certificates.accepted(socket);
    sockets.add(socket.once('close', () => sockets.delete(socket)));
  });
  server.on('secureConnection', (socket) => certificates.secured(socket));
  server.on(
    'request',
    createRequestListener({
      authenticate: createAuthenticator({
        certificates,
        requestHeader: () => requestHeader,
        refused: createRefusalLog(log, clock),
      }),
      authorize: createAuthorizer({ api, log, clock, signal }),
      source,
      isReady,
      mayStay: ({ socket }) => !draining && !signal.aborted && certificates.mayStay(socket),
      observe,
      log,
      clock,
    }),
  );

  /** All or nothing: throws before anything has changed. */
  const secure = (certificate: ServingCertificate | undefined, config: RequestHeaderConfig | undefined) => {
    const material = { ...TLS, ...certificate, ca: config === undefined ? [] : [config.ca] };
    // A bundle may hold nothing but an intermediate CA, and to Go that is an authority like any other.
    context = createSecureContext({ ...material, allowPartialTrustChain: true });
    server.setSecureContext(material);
  };
  secure(undefined, undefined);

  const port = await listen(server, options);
  server.on('error', (error) => log.error({ err: error }, 'Failed to accept a connection'));
  return {
    port,
    present(certificate) {
      if (certificate.cert === serving?.cert && certificate.key === serving.key) return;
      secure(certificate, requestHeader);
      serving = certificate;
      log.info('Loaded serving certificate');
    },
    trust(config) {
      if (config.ca !== requestHeader?.ca) {
        secure(serving, config);
        certificates.changeCa();
        server.closeIdleConnections();
        log.info('Loaded request-header CA');
      }
      requestHeader = config;
    },
    drain() {
      draining = true;
    },
    closed: closing(server, sockets, signal),
  };
}

function createHttpsServer(
  { requestTimeoutMs = REQUEST_TIMEOUT_MS }: MetricsApiOptions,
  context: () => SecureContext | undefined,
): Server {
  const server = createServer({
    ...TLS,
    // No CA: without this word it would be all that Node knows.
    ca: [],
    requestCert: true,
    // What holds for a metric does not hold for a probe: the requests decide.
    rejectUnauthorized: false,
    // `setSecureContext` would lose `allowPartialTrustChain`; clients that name no server have to do without it.
    SNICallback: (_name, done) => done(null, context()),
    handshakeTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(requestTimeoutMs / 4)),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    maxHeaderSize: LONGEST_HEADERS,
  });
  server.timeout = STALL_MS;
  server.maxConnections = MOST_CONNECTIONS;
  server.on('clientError', answerClientError);
  return server;
}

function listen(server: Server, { host, port }: MetricsApiOptions): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', (error) => {
    reject(new Error(`Cannot listen on ${host}:${port} for the metrics API: ${error.message}`, { cause: error }));
  });
  server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port));
  return promise;
}

/** What is being answered has half a second more. */
function closing(server: Server, sockets: ReadonlySet<Socket>, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const close = () => {
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, FLUSH_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  };
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
  return promise;
}
