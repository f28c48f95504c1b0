import type { V2HorizontalPodAutoscaler, V2HPAScalingRules } from '@kubernetes/client-node';
import { gracePeriodSeconds } from '../src/values/drain-time.ts';
import { targetConnections } from '../src/values/scale.ts';
import type { Values } from '../src/values/schema.ts';
import type { Named } from './kubernetes-object.ts';
import { metadata } from './names.ts';

/** The metric that the pods export: slots held, the same number that is limited and shown. */
const CONNECTIONS_METRIC = 'mcp_active_connections';

const LEAST_STABILIZATION_SECONDS = 300;
/** Kubernetes accepts no more. */
const MOST_STABILIZATION_SECONDS = 3600;
/** Beyond the last drain, time for the numbers of the pods that stay to settle. */
const AFTER_DRAIN_SECONDS = 60;

/** Lets the number of pods follow the connections they hold. */
export function autoscaler(values: Values): Named<V2HorizontalPodAutoscaler> {
  const { minReplicas, maxReplicas, behavior } = values.autoscaling;
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadata(values),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: values.name },
      minReplicas,
      maxReplicas,
      metrics: [
        {
          type: 'Pods',
          pods: {
            metric: { name: CONNECTIONS_METRIC },
            target: { type: 'AverageValue', averageValue: String(targetConnections(values)) },
          },
        },
      ],
      behavior: { scaleUp: behavior.scaleUp ?? quickly, scaleDown: behavior.scaleDown ?? slowly(values) },
    },
  };
}

/** Doubles, or adds four pods if that is more, every 15 s: the period of the autoscaler's own loop. */
const quickly: V2HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Percent', value: 100, periodSeconds: 15 },
    { type: 'Pods', value: 4, periodSeconds: 15 },
  ],
};

/** A tenth, or one pod if that is more, a minute, and never on numbers that a drain of before still moves. */
function slowly(values: Values): V2HPAScalingRules {
  const afterDrain = Math.max(LEAST_STABILIZATION_SECONDS, gracePeriodSeconds(values) + AFTER_DRAIN_SECONDS);
  return {
    stabilizationWindowSeconds: Math.min(MOST_STABILIZATION_SECONDS, afterDrain),
    selectPolicy: 'Max',
    policies: [
      { type: 'Percent', value: 10, periodSeconds: 60 },
      { type: 'Pods', value: 1, periodSeconds: 60 },
    ],
  };
}
