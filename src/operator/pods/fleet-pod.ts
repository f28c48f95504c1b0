import { PORT_NAMES } from '../../../charts/ports.ts';
import { CONTAINER_NAME } from '../../values/server-checks.ts';
import { costOf, type DeletionCost } from '../deletion-cost/deletion-cost.ts';

/** The part of a pod that is read here; everything else is dropped as it arrives, since a cluster has many pods. */
export interface PodObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    labels?: Readonly<Record<string, string>>;
    annotations?: Readonly<Record<string, string>>;
    deletionTimestamp?: string;
    managedFields?: unknown[];
  };
  readonly spec?: {
    readonly containers?: readonly {
      readonly name: string;
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly { readonly name: string; readonly started?: boolean }[];
  };
}

/** One pod of a fleet, as much of it as scraping, scaling and choosing go by. */
export interface FleetPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The name of its fleet, which is one of the pod's namespace. */
  readonly fleet: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where it tells its connections; `undefined` as long as it has no address. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** Whether it may hold connections: its container runs and has started, which only a pod that serves has. */
  readonly living: boolean;
  readonly terminating: boolean;
  readonly cost: DeletionCost;
}

/** The label that names a pod's fleet. */
const FLEET_LABEL = 'app.kubernetes.io/instance';

/** The pods that take part: those that the charts made, with the custom resource or as plain manifests. */
export const FLEET_PODS = 'app.kubernetes.io/name=mcp-server,app.kubernetes.io/managed-by=berth';

/** What is kept of a pod. */
export function fleetPodOf(pod: PodObject): FleetPod {
  const { metadata, spec, status } = pod;
  const container = spec?.containers?.find(({ name }) => name === CONTAINER_NAME);
  const port = container?.ports?.find(({ name }) => name === PORT_NAMES.admin)?.containerPort;
  const started = status?.containerStatuses?.find(({ name }) => name === CONTAINER_NAME)?.started === true;
  const host = status?.podIP;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    fleet: metadata.labels?.[FLEET_LABEL] ?? '',
    labels: metadata.labels ?? {},
    address: host === undefined || port === undefined ? undefined : { host, port },
    living: status?.phase === 'Running' && started && host !== undefined && port !== undefined,
    terminating: metadata.deletionTimestamp !== undefined,
    cost: costOf(pod),
  };
}
