import { randomBytes, randomUUID } from 'node:crypto';
import berth from '../../package.json' with { type: 'json' };
import { parkedLimit, type ServeConfig } from '../config/serve-config.ts';
import { ownerTag } from '../fleet/session-id.ts';
import type { Source } from '../sources/source.ts';
import { listenForAdmin, type Reports } from './admin.ts';
import { Admission } from './admission.ts';
import { type DrainReport, drain } from './drain.ts';
import { alone, type Elsewhere } from './elsewhere.ts';
import { endpointsOf, servesSse } from './endpoints.ts';
import { Fence } from './fence.ts';
import { createFleet } from './fleet/fleet.ts';
import { FromStore } from './fleet/from-store.ts';
import { refusePeer, sessionHeaders } from './fleet/peer-answer.ts';
import { Gate } from './gate.ts';
import { createHostCheck } from './host-check.ts';
import { LegacyEndpoint } from './legacy/legacy-endpoint.ts';
import { Sessions } from './legacy/sessions.ts';
import { StatelessEndpoint } from './legacy/stateless-endpoint.ts';
import { Lifecycle } from './lifecycle.ts';
import { closeGently, type Listener, listen } from './listener.ts';
import type { Log } from './log.ts';
import { McpEndpoint } from './mcp-endpoint.ts';
import { type Connections, Metrics } from './metrics.ts';
import { ModernEndpoint } from './modern/modern-endpoint.ts';
import { MovingMean } from './moving-mean.ts';
import { type Change, createNotifier, readChange, tellClients } from './notifier.ts';
import { openMembershipOf } from './open-membership.ts';
import { openStore } from './open-store.ts';
import { OpenStreams } from './open-streams.ts';
import type { Place } from './place.ts';
import { Pressure } from './pressure.ts';
import { createProbes } from './probes.ts';
import { Refusals, type Refuse } from './refusals.ts';
import { createRequestListener } from './request-listener.ts';
import { responsesOf } from './response.ts';
import { SseEndpoint } from './sse/sse-endpoint.ts';
import { SseSessions } from './sse/sse-sessions.ts';
import { startLimitOf } from './start-limit.ts';
import { TakeOvers } from './take-over.ts';
import { WorkQueue } from './work-queue.ts';

/** A server that runs: where it listens, and how to end it. */
export interface RunningServer {
  readonly port: number;
  /** `undefined` for a worker among several: the process that started it has the admin listener. */
  readonly adminPort: number | undefined;
  /** Where its peers reach it, if it has any. */
  readonly peerPort: number | undefined;
  readonly reports: Reports<Connections>;
  /** Drains and closes; `hurry` cuts the drain short. Answers what was cut. */
  stop(hurry: AbortSignal): Promise<DrainReport>;
}

/** Enough for new sockets beside a thousand busy ones; eight were 1.5 × slower, one starves them. Workers share them. */
const PUBLIC_SOCKETS = 32;
const LEAST_SOCKETS = 4;
const MEAN_SECONDS = 15;
/** Times of a minute and more are kept with the precision of a second. */
const SETTLE_MS = 1_000;

/** Starts one worker: puts the parts together, joins its fleet, then listens. */
export async function startServer(
  config: ServeConfig,
  source: Source,
  log: Log,
  place: Place = {},
): Promise<RunningServer> {
  const { definition } = source;
  const { seat } = place;
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
      const { active, ...others } = sessions.counts;
      return { active: active + (sse?.size ?? 0), ...others };
    },
    get maxParked() {
      return store === undefined ? parkedLimit(config) || undefined : undefined;
    },
    get notStored() {
      return store?.notStored ?? 0;
    },
    get draining() {
      return lifecycle.draining;
    },
    get pressure() {
      return pressure;
    },
    openStreams: (kind) => streams.count(kind),
  });
  const { refuse } = new Refusals({ log, metrics, gate, signal });

  const phase = () => lifecycle.phase;
  const membership = await openMembershipOf({ config, place, phase, metrics, log, clock, signal });
  const tag = membership?.tag ?? ownerTag(`${config.host}:${config.port}`, randomBytes(16).toString('hex'));
  const ownKey = randomBytes(32).toString('base64url');
  const fleetKey = () => membership?.secret() ?? ownKey;
  // The store wants to know what to keep as soon as it is reached, which is before there can be any session.
  let kept: Sessions | undefined;
  const store = await openStore({ config, fleet: definition.name, owner: tag, sessions: () => kept, log, signal });
  const sessions: Sessions = new Sessions({
    ...config,
    maxParked: parkedLimit(config),
    slotsWanted: () => gate.waiting > 0,
    definition,
    ownerTag: tag,
    streams,
    metrics,
    copies: store,
    log,
    clock,
    fleetKey,
  });
  kept = sessions;
  const sse: SseSessions | undefined = servesSse(config.transport)
    ? new SseSessions({ ...config, definition, ownerTag: tag, streams, metrics, log, clock, fleetKey })
    : undefined;
  const queue = new WorkQueue();
  const lineUp = (turn: () => void) => queue.push('call', turn);
  const pressure = new Pressure({ ...config, lineUp, log, clock, signal });
  const admission: Admission = new Admission({ gate, lifecycle, sessions, modernMean, pressure });
  const ownTag = () => tag;
  const takeOvers = store && new TakeOvers({ store, ownTag, sessions, metrics, log });
  const fence = store && new Fence({ sessions, store, clock, signal });
  const fleet =
    membership &&
    createFleet({
      ...config,
      membership,
      sessions,
      admission,
      lifecycle,
      store,
      takeOvers,
      refuse,
      metrics,
      log,
      clock,
    });
  const forClients = fleet?.forClients ?? (takeOvers ? new FromStore({ takeOvers, refuse }) : alone);

  const { createModernHandler: createHandler } = source;
  const modern =
    createHandler &&
    new ModernEndpoint({
      ...config,
      definition,
      createHandler,
      follow: source.follow,
      proxy: source.modernProxy,
      startLimit: startLimitOf(config.startTimeout),
      admission,
      metrics,
      streams,
      log,
      clock,
      fleetKey,
    });
  const createEndpoint = (elsewhere: Elsewhere, refuse: Refuse) => {
    const legacy = config.stateless
      ? new StatelessEndpoint({
          ...config,
          definition,
          admission,
          elsewhere,
          refuse,
          streams,
          metrics,
          log,
          clock,
          fleetKey,
        })
      : new LegacyEndpoint({ ...config, sessions, admission, elsewhere, refuse, fence });
    return new McpEndpoint({ ...config, legacy, modern, admission, elsewhere, refuse, sessions, queue, log });
  };
  const createEndpoints = (elsewhere: Elsewhere, refuse: Refuse, headersOf?: typeof sessionHeaders) => {
    const parts = { ...config, admission, elsewhere, refuse, queue, log };
    const mcp = createEndpoint(elsewhere, refuse);
    if (sse === undefined) return endpointsOf(config.transport, mcp, undefined);
    // No store keeps them: without peers they are here or nowhere.
    const whence = fleet === undefined ? alone : elsewhere;
    const endpoint = new SseEndpoint({ ...parts, elsewhere: whence, sessions: sse, headersOf });
    return endpointsOf(config.transport, mcp, endpoint);
  };
  const tell = (change: Change) => {
    tellClients(change, sessions, modern);
    sse?.notify(change);
  };
  const publish = (change: Change) => {
    tell(change);
    if (fleet !== undefined) fleet.publish(change);
    else store?.publish(JSON.stringify(change));
  };
  if (fleet !== undefined) {
    const endpoints = createEndpoints(fleet.forPeers, refusePeer, sessionHeaders);
    fleet.serve(endpoints, tell, (id) => sse?.get(id)?.sendAway());
  } else
    store?.onChange((text) => {
      const change = readChange(text);
      if (change !== undefined) tell(change);
    });

  const answerProbe = createProbes(lifecycle, () => source.reachable ?? true);
  const reports = { registry: async () => metrics.registry, connections: async () => metrics.connections() };
  const admin = seat === undefined ? await listenForAdmin(config, reports, answerProbe) : undefined;
  const serverId = randomUUID();
  const onRequest = createRequestListener({
    answerProbe,
    checkHost: createHostCheck(config),
    endpoints: createEndpoints(forClients, refuse),
    transport: config.transport,
    wellKnown: source.wellKnown,
    identity: () => ({
      appName: definition.name,
      appVersion: definition.version,
      serverVersion: berth.version,
      mcpLibraryVersion: source.libraryVersion,
      serverTransport: config.transport,
      serverId,
    }),
  });
  const { host, port, bodyTimeout: requestTimeout } = config;
  let listener: Listener;
  try {
    for (const known of (await store?.tags()) ?? []) membership?.tags.add(known);
    await membership?.peers.join();
    await definition.start?.({ notify: createNotifier(tag, publish), signal });
    const sockets = Math.max(LEAST_SOCKETS, Math.ceil(PUBLIC_SOCKETS / config.workers));
    const responses = responsesOf(() => lifecycle.draining);
    listener = await listen({ host, port, sockets, shared: seat !== undefined, requestTimeout, onRequest, responses });
  } catch (error) {
    lifecycle.end();
    await admin?.close();
    await source.close?.();
    throw error;
  }
  const settling = setInterval(() => sessions.settle(), SETTLE_MS).unref();
  lifecycle.enter('serving');
  pressure.watch();
  await membership?.peers.announce();
  const { maxConnections } = config;
  // Of several workers the process that started them tells, once for all.
  const level = seat === undefined ? 'info' : 'debug';
  log[level]({ host: config.host, port: listener.port, adminPort: admin?.port, maxConnections }, 'Started server');

  return {
    port: listener.port,
    adminPort: admin?.port,
    peerPort: membership?.port,
    reports,
    async stop(hurry) {
      log[level]('Started drain');
      const report = await drain(
        {
          ...config,
          lifecycle,
          sessions,
          sse,
          fleet,
          listens: modern,
          closeIdle: () => listener.closeIdle(),
          openStreams: () =>
            streams.count('standalone') + streams.count('listen') + (sse?.size ?? 0) + (fleet?.relays.streams ?? 0),
          // A session on its way in is a call, and so is what a peer does for a client of ours; a listener is a request
          // as well, but it ends with its stream.
          callsInFlight: () =>
            metrics.requestsInFlight +
            sessions.opening +
            (sse?.arriving ?? 0) +
            (fleet?.relays.calls ?? 0) -
            (modern?.listens ?? 0),
        },
        hurry,
      );
      clearInterval(settling);
      modern?.close();
      // First of all, while the answers that run through this pod still can.
      await closeGently(listener, hurry);
      await fleet?.leave();
      await store?.close();
      await source.close?.();
      lifecycle.end();
      if (admin !== undefined) await closeGently(admin, hurry);
      log[level](report, 'Finished drain');
      return report;
    },
  };
}
