import { randomBytes, randomUUID } from 'node:crypto';
import berth from '../../package.json' with { type: 'json' };
import type { ServeConfig } from '../config/serve-config.ts';
import { ownerTag } from '../fleet/session-id.ts';
import type { Source } from '../sources/source.ts';
import { createAdminListener } from './admin.ts';
import { Admission } from './admission.ts';
import { type DrainReport, drain } from './drain.ts';
import { Gate } from './gate.ts';
import { createHostCheck } from './host-check.ts';
import { LegacyEndpoint } from './legacy/legacy-endpoint.ts';
import { Sessions } from './legacy/sessions.ts';
import { Lifecycle } from './lifecycle.ts';
import { type Listener, listen } from './listener.ts';
import type { Log } from './log.ts';
import { McpEndpoint } from './mcp-endpoint.ts';
import { Metrics } from './metrics.ts';
import { ModernEndpoint } from './modern/modern-endpoint.ts';
import { MovingMean } from './moving-mean.ts';
import { createNotifier } from './notifier.ts';
import { OpenStreams } from './open-streams.ts';
import { createProbes } from './probes.ts';
import { Refusals } from './refusals.ts';
import { createRequestListener } from './request-listener.ts';
import { WorkQueue } from './work-queue.ts';

/** A server that runs: where it listens, and how to end it. */
export interface RunningServer {
  readonly port: number;
  readonly adminPort: number;
  /** Slots held now, and how many there are. */
  readonly connections: { readonly held: number; readonly limit: number };
  /** Drains and closes; `hurry` cuts the drain short. Answers what was cut. */
  stop(hurry: AbortSignal): Promise<DrainReport>;
}

/** Enough for new sockets beside a thousand busy ones; eight were 1.5 × slower, one starves them. */
const PUBLIC_SOCKETS = 32;
const MEAN_SECONDS = 15;

/** Starts one worker: puts the parts together, then listens. */
export async function startServer(config: ServeConfig, source: Source, log: Log): Promise<RunningServer> {
  const { definition } = source;
  const clock = () => performance.now();
  const lifecycle = new Lifecycle();
  const { signal } = lifecycle;

  const gate = new Gate(config.maxConnections);
  const streams = new OpenStreams(signal);
  const modernMean = new MovingMean(MEAN_SECONDS, clock);
  const metrics = new Metrics({
    activeConnections: () => admission.exported,
    get held() {
      return gate.held;
    },
    maxConnections: gate.limit,
    get waiting() {
      return gate.waiting;
    },
    get sessions() {
      return sessions.size;
    },
    get draining() {
      return lifecycle.draining;
    },
    openStreams: (kind) => streams.count(kind),
  });
  const refusals = new Refusals({ log, metrics, signal });

  const tag = ownerTag(`${config.host}:${config.peerPort}`, randomBytes(16).toString('hex'));
  const sessions = new Sessions({ ...config, definition, ownerTag: tag, streams, metrics, log, clock });
  const admission = new Admission({ gate, lifecycle, sessions, modernMean });
  const legacy = new LegacyEndpoint({ ...config, sessions, admission, refusals });
  const { createModernHandler: createHandler } = source;
  const modern =
    createHandler &&
    new ModernEndpoint({ ...config, definition, createHandler, admission, refusals, metrics, streams, log, clock });

  const answerProbe = createProbes(lifecycle);
  const admin = await listen({
    host: config.host,
    port: config.adminPort,
    sockets: 1,
    requestTimeout: config.bodyTimeout,
    onRequest: createAdminListener(metrics, answerProbe),
  });
  const onRequest = createRequestListener({
    lifecycle,
    answerProbe,
    checkHost: createHostCheck(config),
    mcp: new McpEndpoint({ ...config, legacy, modern, admission, refusals, sessions, queue: new WorkQueue(), log }),
    identity: {
      appName: definition.name,
      appVersion: definition.version,
      serverVersion: berth.version,
      mcpLibraryVersion: source.libraryVersion,
      serverTransport: config.transport,
      serverId: randomUUID(),
    },
  });
  const { host, port, bodyTimeout: requestTimeout } = config;
  let listener: Listener;
  try {
    await definition.start?.({ notify: createNotifier(sessions, modern), signal });
    listener = await listen({ host, port, sockets: PUBLIC_SOCKETS, requestTimeout, onRequest });
  } catch (error) {
    lifecycle.end();
    await admin.close();
    throw error;
  }
  const expiry = setInterval(() => sessions.expire(), 1_000).unref();
  lifecycle.enter('serving');
  const { maxConnections } = config;
  log.info({ host: config.host, port: listener.port, adminPort: admin.port, maxConnections }, 'Started server');

  return {
    port: listener.port,
    adminPort: admin.port,
    connections: gate,
    async stop(hurry) {
      log.info('Started drain');
      const report = await drain(
        {
          ...config,
          lifecycle,
          sessions,
          listens: modern,
          openStreams: () => streams.count('standalone') + streams.count('listen'),
          // A session on its way in is a call; a listener is a request as well, but it ends with its stream.
          callsInFlight: () => metrics.requestsInFlight + sessions.opening - (modern?.listens ?? 0),
        },
        hurry,
      );
      clearInterval(expiry);
      lifecycle.end();
      await closeGently(listener, hurry);
      await closeGently(admin, hurry);
      log.info({ sessionsHandedOver: 0, ...report }, 'Finished drain');
      return report;
    },
  };
}

/** Time for the last answers to reach their clients. */
const FLUSH_MS = 500;

async function closeGently(listener: { close(): Promise<void>; destroy(): void }, hurry: AbortSignal): Promise<void> {
  const closed = listener.close();
  const timer = setTimeout(() => listener.destroy(), hurry.aborted ? 0 : FLUSH_MS);
  await closed;
  clearTimeout(timer);
}
