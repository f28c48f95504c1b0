import type { Values } from './schema.ts';
import { effectiveSettings } from './server-values.ts';

/** Pods that run when nobody says otherwise. */
const DEFAULT_REPLICAS = 1;

/** The pods that are asked for; `undefined` when an autoscaler decides. */
export function fixedReplicas(values: Pick<Values, 'replicas' | 'workers' | 'autoscaling'>): number | undefined {
  return values.autoscaling.enabled ? undefined : (values.replicas ?? values.workers ?? DEFAULT_REPLICAS);
}

/** The fewest pods that the fleet may have in normal operation. */
export function fewestReplicas(values: Pick<Values, 'replicas' | 'workers' | 'autoscaling'>): number {
  return fixedReplicas(values) ?? values.autoscaling.minReplicas;
}

/** Connections per pod that the autoscaler aims at, so that growth comes before refusals. */
export function targetConnections(values: Pick<Values, 'server' | 'autoscaling'>): number {
  const { maxConnections } = effectiveSettings(values.server);
  return Math.max(1, Math.floor((maxConnections * values.autoscaling.targetUtilization) / 100));
}

/** Kubernetes' default: an autoscaler leaves differences of a tenth alone. */
export const AUTOSCALER_TOLERANCE = 0.1;

/** By which share the connections must be above the target for the fleet to grow. */
export function scaleUpTolerance({ autoscaling: { behavior } }: Pick<Values, 'autoscaling'>): number {
  const given = Number(behavior.scaleUp?.['tolerance'] ?? Number.NaN);
  return Number.isFinite(given) && given >= 0 ? given : AUTOSCALER_TOLERANCE;
}
