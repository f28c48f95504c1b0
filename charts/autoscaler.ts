import type { V2HorizontalPodAutoscaler, V2MetricSpec } from '@kubernetes/client-node';
import { scaleUpTolerance, targetConnections } from '../src/values/scale.ts';
import type { Values } from '../src/values/schema.ts';
import { effectiveSettings } from '../src/values/server-values.ts';
import type { Named } from './kubernetes-object.ts';
import { metadata } from './names.ts';
import { FLEET_RESOURCE } from './operator/names.ts';
import { type RenderOptions, renderDefaults } from './render-options.ts';
import { scalingBehavior } from './scaling-behavior.ts';

/** The metric that the pods export: slots held, the same number that is limited and shown. */
export const CONNECTIONS_METRIC = 'mcp_active_connections';

/** The metric of a whole fleet: slots held by all its pods, leaving ones too, and the clients that wait for one. */
const DEMAND_METRIC = 'mcp_demand';

/** Lets the number of pods follow the connections they hold. */
export function autoscaler(values: Values, options: RenderOptions = {}): Named<V2HorizontalPodAutoscaler> {
  const { minReplicas, maxReplicas } = values.autoscaling;
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadata(values),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: values.name },
      minReplicas,
      maxReplicas,
      metrics: metrics(values, options.describedBy ?? renderDefaults.describedBy),
      behavior: scalingBehavior(values),
    },
  };
}

type DescribedBy = NonNullable<RenderOptions['describedBy']>;

function metrics(values: Values, describedBy: DescribedBy): V2MetricSpec[] {
  const target = targetConnections(values);
  const { source, metric, buffer } = values.autoscaling;
  const isOfFleet = (metric ?? (describedBy === 'MCPFleet' || buffer > 0 ? 'object' : 'pods')) === 'object';
  // Nobody but our operator serves a metric of the fleet.
  if (!isOfFleet || source !== 'operator') return [perPod(target)];
  const demand = ofFleet(values.name, describedBy, { target, averageValue: String(target) });
  return buffer === 0 ? [demand] : [demand, ofFleet(values.name, describedBy, bufferTarget(values))];
}

/**
 * An autoscaler adds a pod when the mean is above the target by more than its tolerance. So that this is where fewer
 * slots than the buffer are free, the target is that much below the cap.
 */
function bufferTarget(values: Values): FleetTarget {
  const { buffer } = values.autoscaling;
  const { maxConnections } = effectiveSettings(values.server);
  const thousandths = Math.ceil((maxConnections * 1_000) / (1 + scaleUpTolerance(values)));
  // As Kubernetes writes it, or the object would never be as it is wanted.
  const averageValue = thousandths % 1_000 === 0 ? String(thousandths / 1_000) : `${thousandths}m`;
  return { target: maxConnections, buffer, averageValue };
}

function perPod(averageValue: number): V2MetricSpec {
  return {
    type: 'Pods',
    pods: {
      metric: { name: CONNECTIONS_METRIC },
      target: { type: 'AverageValue', averageValue: String(averageValue) },
    },
  };
}

/** What an autoscaler aims at for a whole fleet. */
interface FleetTarget {
  /** What a silent pod counts as. */
  readonly target: number;
  /** Slots to add. */
  readonly buffer?: number;
  readonly averageValue: string;
}

/** The selector carries parameters, so that whoever serves the metric need not read the autoscaler. */
function ofFleet(name: string, describedBy: DescribedBy, { target, buffer, averageValue }: FleetTarget): V2MetricSpec {
  const { group, version, kind } = FLEET_RESOURCE;
  const described =
    describedBy === 'MCPFleet' ? { apiVersion: `${group}/${version}`, kind } : { apiVersion: 'v1', kind: 'Service' };
  const matchLabels = { target: String(target), ...(buffer === undefined ? {} : { buffer: String(buffer) }) };
  return {
    type: 'Object',
    object: {
      describedObject: { ...described, name },
      metric: { name: DEMAND_METRIC, selector: { matchLabels } },
      target: { type: 'AverageValue', averageValue },
    },
  };
}
