import { alwaysLosesTheEmptiest, candidatesOf, losesTheEmptiest } from '../deletion-cost/candidates.ts';
import type { DemandParameters, MetricsSource, PodValue } from '../metrics-api/metrics-source.ts';
import { type FleetPods, fleetKey } from '../pods/fleet-pods.ts';
import { type Demand, demandOf, type Unavailable } from './demand.ts';
import { HeldDemand } from './held-demand.ts';
import { HeldValues } from './held-values.ts';
import { largestCap } from './largest-cap.ts';
import type { Readings } from './readings.ts';

export interface MetricsSourceOptions {
  readonly pods: FleetPods;
  readonly readings: Readings;
  /** Whether every pod has been asked since this process began. */
  readonly isReady: () => boolean;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const NOT_READY: Unavailable = { unavailable: 'Not every pod has been asked yet.' };
const NOT_RANKED: Unavailable = { unavailable: 'The deletion costs of the pods are being written.' };

/**
 * The numbers of the metrics API: what the pods said. An autoscaler acts on a lower number when it likes, and the
 * ReplicaSet goes by the deletion costs that are written then, so none is told before the pods that would go are the
 * emptiest.
 */
export function createMetricsSource({ pods, readings, isReady, clock }: MetricsSourceOptions): MetricsSource {
  const heldDemand = new HeldDemand();
  const heldValues = new HeldValues();

  function demandOfFleet(key: string, { target, buffer }: DemandParameters): Demand | Unavailable {
    const counted = readings.countedOf(key);
    const demand = demandOf(counted, clock(), target);
    if ('unavailable' in demand) return demand;
    const candidates = candidatesOf(counted);
    const most = largestCap(counted);
    const told = heldDemand.pass({
      question: `${key} ${target} ${buffer}`,
      value: demand.value + buffer,
      pods: counted.filter(({ pod }) => pod.goneAt === undefined).length,
      // Without a target it is not known how many would go.
      perPod: target ?? most,
      mayLose: (count) => losesTheEmptiest(candidates, count, most),
    });
    return told === undefined ? NOT_RANKED : { value: told, at: demand.at };
  }

  function valuesOfFleet(key: string): { readonly values: readonly PodValue[]; readonly asked: number } {
    const counted = readings.countedOf(key);
    const candidates = candidatesOf(counted);
    const most = largestCap(counted);
    const fresh = counted.filter((one) => one.fresh);
    const values = heldValues.pass(key, fresh, () => alwaysLosesTheEmptiest(candidates, most));
    return { values, asked: counted.length };
  }

  return {
    pods(namespace, selects) {
      if (!isReady()) return NOT_READY;
      const there = new Set(pods.fleets());
      heldValues.keepOnly((key) => there.has(key));
      // A question is mostly about one fleet, and valuing all of a namespace would cost more than all the rest.
      const isAskedFor = (key: string) =>
        key.startsWith(`${namespace}/`) && pods.of(key).some(({ labels }) => selects(labels));
      const fleets = [...there].filter(isAskedFor).map(valuesOfFleet);
      const values = fleets.flatMap((fleet) => fleet.values).filter(({ labels }) => selects(labels));
      const silent = fleets.some((fleet) => fleet.asked > 0 && fleet.values.length === 0);
      if (silent && values.length === 0) return { unavailable: 'No pod has answered for 30 s.' };
      return { values };
    },
    demand(namespace, fleet, parameters) {
      if (!isReady()) return NOT_READY;
      const key = fleetKey({ namespace, fleet });
      return pods.of(key).length === 0 ? undefined : demandOfFleet(key, parameters);
    },
  };
}
