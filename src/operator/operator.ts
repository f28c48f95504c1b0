import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { OPERATOR_NAME } from '../../charts/operator/names.ts';
import type { OperatorConfig } from '../config/operator-config.ts';
import { kinds } from '../kube/kinds.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import { LeaderElection } from '../kube/lease.ts';
import { Reflector } from '../kube/reflector.ts';
import { listenForAdmin } from './admin.ts';
import { AggregatorAuthentication } from './aggregator-authentication.ts';
import { CertificateStore } from './certificates/certificate-store.ts';
import { lead } from './leader.ts';
import { startMetricsApi } from './metrics-api/server.ts';
import type { OperatorMetrics } from './operator-metrics.ts';
import { FLEET_PODS, type FleetPod, fleetPodOf, type PodObject } from './pods/fleet-pod.ts';
import { FleetPods } from './pods/fleet-pods.ts';
import { createMetricsSource } from './readings/metrics-source.ts';
import { Readings } from './readings/readings.ts';
import { Scraper } from './readings/scraper.ts';

/** By then every pod that was there at the start has answered, or is silent. */
const FIRST_ANSWERS_MS = 15_000;

/** Requests still come for so long after the Service was told that a replica leaves. */
const LEAVING_MS = 5_000;

export interface ReplicaOptions {
  readonly api: KubeApi;
  readonly config: OperatorConfig;
  readonly log: Logger;
  readonly metrics: OperatorMetrics;
  readonly place: {
    /** The name of this replica. */
    readonly identity: string;
    readonly namespace: string;
  };
  /** Milliseconds since the epoch; must never go back. */
  readonly clock: () => number;
}

/**
 * Runs one replica until the signal. Each asks the pods for their connections and serves the metrics API; one of them
 * leads, and does all the rest. Rejects when it can not go on.
 */
export async function operate(options: ReplicaOptions, leave: AbortSignal): Promise<void> {
  const { api, config, log, metrics, place, clock } = options;
  const { host, adminPort, metricsPort, scrapeInterval } = config;
  const { identity, namespace } = place;
  const service = { namespace, name: OPERATOR_NAME };
  const namespaces = config.namespaces.length === 0 ? undefined : [...new Set(config.namespaces)];

  const pods: FleetPods = new FleetPods((uid) => readings.forget(uid));
  const readings: Readings = new Readings({ podsOf: (fleet) => pods.of(fleet), clock });
  const podReflector = new Reflector<PodObject, FleetPod>({
    ...{ api, log },
    kind: kinds.pod,
    selections: (namespaces ?? [undefined]).map((one) => ({ namespace: one, labelSelector: FLEET_PODS })),
    keep: fleetPodOf,
    changed: (_, now, before) => pods.changed(now, before),
    missed: (count) => metrics.missed.inc(count),
  });
  let asked = false;
  let syncedAt: number | undefined;
  const { promise: everybodyAsked, resolve: askedEverybody } = Promise.withResolvers<void>();
  leave.addEventListener('abort', () => askedEverybody(), { once: true });
  const scraper = new Scraper({
    ...{ pods, readings },
    everyMs: scrapeInterval,
    round(round) {
      metrics.scraped(round);
      if (podReflector.synced) syncedAt ??= clock();
      // Those there were at first had the time by then; there may always be one that has just come.
      const longEnough = syncedAt !== undefined && clock() - syncedAt > FIRST_ANSWERS_MS;
      asked ||= longEnough || (syncedAt !== undefined && readings.isFull(pods.fleets()));
      if (asked) askedEverybody();
    },
  });
  const source = createMetricsSource({ pods, readings, isReady: () => asked, clock });

  const stopServing = new AbortController();
  const serving = stopServing.signal;
  const notReady = (): string | undefined => {
    if (leave.aborted) return 'The replica is leaving.';
    if (!asked) return 'Not every pod has been asked yet.';
    if (store.pair === undefined) return 'There is no certificate yet.';
    return authentication.trusted ? undefined : 'The certificate of the API server’s aggregator is not known yet.';
  };
  const metricsApi = await startMetricsApi({
    ...{ host, port: metricsPort, source, api, log, signal: serving },
    isReady: () => notReady() === undefined,
    observe: (answer) => metrics.answered(answer),
  });
  const store: CertificateStore = new CertificateStore({
    ...{ api, service, log },
    clock: Date.now,
    onChange: ({ certificate, key }) => metricsApi.present({ cert: certificate, key }),
  });
  const authentication = new AggregatorAuthentication({ api, log, trust: (config) => metricsApi.trust(config) });
  const admin = await listenForAdmin({ host, port: adminPort, registry: metrics.registry, notReady });
  const election = new LeaderElection({ api, namespace, name: OPERATOR_NAME, identity, log });

  const always = [podReflector.run(serving), scraper.run(serving), store.run(serving), authentication.run(serving)];
  // Whoever leads without knowing what the pods hold would tell so of every fleet.
  await everybodyAsked;
  await election.run((signal) => {
    metrics.leading.set(1);
    const options = { api, service, identity, namespaces, pods, readings, store, metrics, log, clock };
    return lead(options, signal).finally(() => metrics.leading.set(0));
  }, leave);
  metricsApi.drain();
  await sleep(LEAVING_MS);
  stopServing.abort();
  admin.close().closeAllConnections();
  await Promise.all([...always, metricsApi.closed]);
}
