import type { Values } from '../src/values/schema.ts';
import { OPERATOR_NAMESPACE } from './operator/names.ts';

/** What the values do not say of how their objects are kept. */
export interface RenderOptions {
  /** What the cluster has of the fleet: a custom resource that the operator turns into objects, or the objects alone. */
  readonly describedBy?: 'MCPFleet' | 'Service';
  /** The namespace that berth's operator runs in. */
  readonly operatorNamespace?: string;
}

/** Objects that were applied by hand or by a pipeline, and an operator in its usual place. */
export const renderDefaults = {
  describedBy: 'Service',
  operatorNamespace: OPERATOR_NAMESPACE,
} as const satisfies RenderOptions;

/** Whether the operator asks the pods for their connections: those of its resources always, others for the autoscaler. */
export function isAskedByOperator(
  { autoscaling }: Pick<Values, 'autoscaling'>,
  describedBy: RenderOptions['describedBy'],
): boolean {
  return describedBy === 'MCPFleet' || (autoscaling.enabled && autoscaling.source === 'operator');
}
