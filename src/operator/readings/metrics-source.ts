import { mayShrink } from '../deletion-cost/candidates.ts';
import type { DemandParameters, MetricsSource, PodValue } from '../metrics-api/metrics-source.ts';
import { type FleetPods, fleetKey } from '../pods/fleet-pods.ts';
import { type Demand, demandOf, type Unavailable } from './demand.ts';
import type { Counted, Readings } from './readings.ts';
import { ScaleDownGuard } from './scale-down-guard.ts';

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

/** The numbers of the metrics API: what the pods said, told so that an autoscaler never acts on less than is known. */
export function createMetricsSource({ pods, readings, isReady, clock }: MetricsSourceOptions): MetricsSource {
  const demands = new ScaleDownGuard<Demand>(clock);
  const podValues = new ScaleDownGuard<readonly PodValue[]>(clock);

  function demandOfFleet(key: string, { target, buffer }: DemandParameters): Demand | Unavailable {
    const counted = readings.countedOf(key);
    const held = demandOf(counted, clock(), target);
    if ('unavailable' in held) return held;
    const demand = { value: held.value + buffer, at: held.at };
    const staying = counted.filter(({ pod }) => !pod.terminating);
    const keepsAll = () => target !== undefined && Math.ceil(demand.value / target) >= staying.length;
    const told = demands.pass(
      `${key} ${target} ${buffer}`,
      demand,
      demand.value,
      () => keepsAll() || mayShrink(staying),
    );
    return told ?? NOT_RANKED;
  }

  return {
    pods(namespace, selects, selector) {
      if (!isReady()) return NOT_READY;
      const fleets = [...pods.fleets()].filter((key) => key.startsWith(`${namespace}/`));
      const selected = fleets.map((key) => readings.countedOf(key).filter(({ pod }) => selects(pod.labels)));
      const counted = selected.flat();
      const values = counted.filter(({ fresh }) => fresh).flatMap(podValue);
      if (counted.length > 0 && values.length === 0) return { unavailable: 'No pod has answered for 30 s.' };
      const sum = values.reduce((total, { value }) => total + value, 0);
      const told = podValues.pass(`${namespace} ${selector}`, values, sum, () => selected.every(mayShrink));
      return told === undefined ? NOT_RANKED : { values: told };
    },
    demand(namespace, fleet, parameters) {
      if (!isReady()) return NOT_READY;
      const key = fleetKey({ namespace, fleet });
      return pods.of(key).length === 0 ? undefined : demandOfFleet(key, parameters);
    },
  };
}

function podValue({ pod, reading }: Counted): PodValue[] {
  if (reading === undefined) return [];
  return [{ name: pod.name, value: reading.report.exported, at: reading.at, labels: pod.labels }];
}
