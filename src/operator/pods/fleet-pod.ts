import { APPLICATION, MANAGED_BY } from '../../../charts/names.ts';
import { PORT_NAMES } from '../../../charts/ports.ts';
import { CONTAINER_NAME } from '../../values/pod-parts.ts';
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
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly started?: boolean;
      readonly containerID?: string;
      readonly state?: { readonly running?: object };
    }[];
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
  /** The container that runs, of which there is a new one after a crash. */
  readonly container: string | undefined;
  /** Whether it may hold connections: its container runs and has started, which only one that serves has. */
  readonly living: boolean;
  readonly ready: boolean;
  /** When it must be gone, in milliseconds since the epoch; `undefined` for a pod that stays. */
  readonly goneAt: number | undefined;
  readonly cost: DeletionCost;
}

/** The label that names a pod's fleet. */
const FLEET_LABEL = 'app.kubernetes.io/instance';

/** The pods that take part: those that the charts made, with the custom resource or as plain manifests. */
export const FLEET_PODS = `app.kubernetes.io/name=${APPLICATION},app.kubernetes.io/managed-by=${MANAGED_BY}`;

/** What is kept of a pod. */
export function fleetPodOf(pod: PodObject): FleetPod {
  const { metadata, spec, status } = pod;
  const container = spec?.containers?.find(({ name }) => name === CONTAINER_NAME);
  const port = container?.ports?.find(({ name }) => name === PORT_NAMES.admin)?.containerPort;
  const host = status?.podIP;
  const state = status?.containerStatuses?.find(({ name }) => name === CONTAINER_NAME);
  const running = status?.phase === 'Running' && state?.state?.running !== undefined;
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    fleet: metadata.labels?.[FLEET_LABEL] ?? '',
    labels: metadata.labels ?? {},
    address: host === undefined || port === undefined ? undefined : { host, port },
    container: running ? state.containerID : undefined,
    living: running && state.started === true && host !== undefined && port !== undefined,
    ready: status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true,
    // The grace period is in it.
    goneAt: metadata.deletionTimestamp === undefined ? undefined : Date.parse(metadata.deletionTimestamp),
    cost: costOf(pod),
  };
}
