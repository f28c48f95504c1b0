import type { V2HorizontalPodAutoscalerBehavior } from '@kubernetes/client-node';
import { scaleUpTolerance, targetConnections } from '../src/values/scale.ts';
import type { Values } from '../src/values/schema.ts';
import { effectiveSettings } from '../src/values/server-values.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { metadata, peerServiceName } from './names.ts';
import { containerPorts } from './ports.ts';
import { scalingBehavior } from './scaling-behavior.ts';

/** The part of KEDA's ScaledObject that is used here. */
interface ScaledObject extends KubernetesObject {
  readonly spec: {
    readonly scaleTargetRef: { readonly name: string };
    readonly minReplicaCount: number;
    readonly maxReplicaCount: number;
    readonly advanced: {
      readonly horizontalPodAutoscalerConfig: { readonly behavior: V2HorizontalPodAutoscalerBehavior };
      readonly scalingModifiers?: Readonly<Record<'formula' | 'target' | 'metricType', string>>;
    };
    readonly triggers: readonly object[];
  };
}

/** What KEDA's formula calls the sum of the connections. */
const CONNECTIONS = 'connections';

/** Lets KEDA add up the connections of all pods and make the autoscaler. */
export function scaledObject(values: Values): ScaledObject {
  const { minReplicas, maxReplicas } = values.autoscaling;
  const target = String(targetConnections(values));
  return {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: metadata(values),
    spec: {
      scaleTargetRef: { name: values.name },
      minReplicaCount: minReplicas,
      maxReplicaCount: maxReplicas,
      advanced: { horizontalPodAutoscalerConfig: { behavior: scalingBehavior(values) }, ...buffered(values, target) },
      triggers: [
        {
          type: 'metrics-api',
          name: CONNECTIONS,
          metricType: 'AverageValue',
          metadata: {
            url: connectionsUrl(values),
            format: 'json',
            valueLocation: 'activeMean',
            targetValue: target,
            // KEDA leaves out pods that are not ready, and the peer Service calls all of its pods ready: full ones, and
            // those that drain, count.
            aggregateFromKubeServiceEndpoints: 'true',
            aggregationType: 'sum',
          },
        },
      ],
    },
  };
}

/** KEDA finds the Service's pods by the first two labels of the host, and their port by its number. */
function connectionsUrl(values: Values): string {
  const { admin } = containerPorts(values);
  return `http://${peerServiceName(values)}.${values.namespace}.svc:${admin}/connections`;
}

/** The larger of what the target and what the buffer ask for, in connections against the target and its tolerance. */
function buffered(
  values: Values,
  target: string,
): Pick<ScaledObject['spec']['advanced'], 'scalingModifiers'> | undefined {
  const { buffer } = values.autoscaling;
  if (buffer === 0) return undefined;
  const { maxConnections } = effectiveSettings(values.server);
  const perSlot = `${target} * ${1 + scaleUpTolerance(values)} / ${maxConnections}`;
  const formula = `max(${CONNECTIONS}, (${CONNECTIONS} + ${buffer}) * ${perSlot})`;
  return { scalingModifiers: { formula, target, metricType: 'AverageValue' } };
}
