import type { Logger } from 'pino';
import { kinds } from '../kube/kinds.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import { Reflector } from '../kube/reflector.ts';
import { keepApiServices } from './api-services/keep-api-services.ts';
import { registeredBundles } from './api-services/registered.ts';
import { type ApiServicesState, UNKNOWN } from './api-services/state.ts';
import type { CertificateStore } from './certificates/certificate-store.ts';
import { keepCertificates } from './certificates/keep-certificates.ts';
import { makeGeneration } from './certificates/make-generation.ts';
import { isAnyReady, listReplicas } from './certificates/replicas.ts';
import { servedFingerprints } from './certificates/served-fingerprints.ts';
import type { ServiceName } from './certificates/service-name.ts';
import { CostWriter } from './deletion-cost/cost-writer.ts';
import { writeCost } from './deletion-cost/write-cost.ts';
import type { OperatorMetrics } from './operator-metrics.ts';
import type { FleetPods } from './pods/fleet-pods.ts';
import { occupancyOf } from './readings/occupancy.ts';
import type { Readings } from './readings/readings.ts';
import { createEvents } from './reconcile/events.ts';
import { KeyQueue } from './reconcile/key-queue.ts';
import type { McpFleetResource } from './reconcile/mcp-fleet-resource.ts';
import { OwnedObjects } from './reconcile/owned-objects.ts';
import { Reconciler } from './reconcile/reconciler.ts';

/** Fleets that are worked on at a time: together with what each asks for in turn, this bounds what the API server gets. */
const WORKERS = 4;

export interface LeaderOptions {
  readonly api: KubeApi;
  readonly service: ServiceName;
  /** The name of this replica. */
  readonly identity: string;
  /** `undefined` is the whole cluster. */
  readonly namespaces: readonly string[] | undefined;
  readonly pods: FleetPods;
  readonly readings: Readings;
  readonly store: CertificateStore;
  readonly metrics: OperatorMetrics;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What one replica alone does: certificates, the registration of the metrics API, fleets, deletion costs. */
export async function lead(options: LeaderOptions, signal: AbortSignal): Promise<void> {
  const { api, service, store, pods, readings, log, clock } = options;
  let state: ApiServicesState = UNKNOWN;
  const writer = new CostWriter({ pods, readings, write: writeCost(api), log, clock });
  await Promise.all([
    keepCertificates(
      {
        ...{ store, log, clock },
        bundles: (until) => registeredBundles(api, service, until),
        served: async (until) => servedFingerprints(await listReplicas(api, service, until), until),
        make: (now) => makeGeneration(service, now),
      },
      signal,
    ),
    keepApiServices(
      {
        ...{ api, service, store, log },
        clusterRole: service.name,
        ready: (until) => isAnyReady(api, service, until),
        report: (now) => {
          state = now;
        },
      },
      signal,
    ),
    writer.run(signal),
    keepFleets(options, () => state, signal),
  ]);
}

async function keepFleets(
  options: LeaderOptions,
  metricsState: () => ApiServicesState,
  signal: AbortSignal,
): Promise<void> {
  const { api, service, identity, namespaces, readings, metrics, log, clock } = options;
  const missed = (count: number) => metrics.missed.inc(count);
  const enqueue = (key: string) => queue.add(key);
  const owned = new OwnedObjects({ api, namespaces, changed: enqueue, missed, log });
  const fleets = new Reflector<McpFleetResource, McpFleetResource>({
    ...{ api, log, missed },
    kind: kinds.mcpFleet,
    selections: (namespaces ?? [undefined]).map((namespace) => ({ namespace })),
    keep: ({ metadata: { managedFields: _, ...metadata }, ...rest }) => ({ ...rest, metadata }),
    changed: enqueue,
  });
  const reconciler = new Reconciler({
    ...{ api, owned, metricsState, log, clock },
    fleetOf: (key) => fleets.get(key),
    events: createEvents(api, identity, log),
    namespace: service.namespace,
    occupancyOf: (key) => occupancyOf(readings.countedOf(key), clock()),
    costIsTaken: (key) => readings.countedOf(key).some(({ pod }) => pod.cost.foreign),
  });
  const queue: KeyQueue = new KeyQueue({
    clock,
    workers: WORKERS,
    work: async (key) => {
      const again = await reconciler.reconcile(key);
      metrics.reconciles.inc({ result: 'done' });
      return again;
    },
    failed: (key, error, retryMs) => {
      metrics.reconciles.inc({ result: 'failed' });
      log.warn({ fleet: key, err: error, retryMs: Math.round(retryMs) }, 'Failed to reconcile MCPFleet');
    },
  });
  metrics.queuedFleets(() => queue.size);
  // Nothing is made or deleted before everything that is there is known.
  const working = Promise.all([owned.whenSynced(signal), fleets.whenSynced(signal)]).then(() => queue.run(signal));
  await Promise.all([owned.run(signal), fleets.run(signal), working]);
}
