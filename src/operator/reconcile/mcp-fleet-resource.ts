import type { KubeObject } from '../../kube/kube-object.ts';

/** The states of a fleet that `kubectl get` and `kubectl wait` can ask for. */
export const CONDITION_TYPES = ['Available', 'Progressing', 'AtCapacity', 'MetricsAvailable', 'Degraded'] as const;
export type ConditionType = (typeof CONDITION_TYPES)[number];

/** One of them, as every Kubernetes API writes conditions. */
export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** What the operator says of a fleet. */
export interface FleetStatus {
  readonly observedGeneration: number;
  readonly replicas: number;
  readonly readyReplicas: number;
  /** Of the pods, for whoever scales the resource. */
  readonly selector: string;
  readonly connections: number;
  readonly capacity: number;
  readonly conditions: readonly Condition[];
}

/** The custom resource. Its spec is values, which are checked when they are read. */
export interface McpFleetResource extends KubeObject {
  readonly spec?: unknown;
  /** Why the spec was not kept, if it was not. */
  readonly unreadable?: string;
  readonly status?: Partial<FleetStatus>;
}
