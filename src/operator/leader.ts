import type { Logger } from 'pino';
import type { KubeApi } from '../kube/kube-api.ts';
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
import { FleetLoop } from './reconcile/fleet-loop.ts';

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
  const { api, service, identity, namespaces, store, pods, readings, metrics, log, clock } = options;
  let state: ApiServicesState = UNKNOWN;
  const fleets = new FleetLoop({
    ...{ api, identity, namespaces, log, clock },
    namespace: service.namespace,
    occupancyOf: (key) => occupancyOf(readings.countedOf(key), clock()),
    metricsState: () => (state === UNKNOWN ? undefined : state),
    costIsTaken: (key) => readings.countedOf(key).some(({ pod }) => pod.cost.foreign),
    missed: (count) => metrics.missed.inc(count),
    passed: (result) => metrics.reconciles.inc({ result }),
  });
  metrics.queuedFleets(() => (signal.aborted ? 0 : fleets.size));
  const writer = new CostWriter({ pods, readings, write: writeCost(api), log, clock });
  await Promise.all([
    keepCertificates(
      {
        ...{ store, log },
        clock: Date.now,
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
          fleets.lookAtAll();
        },
      },
      signal,
    ),
    writer.run(signal),
    fleets.run(signal),
  ]);
}
