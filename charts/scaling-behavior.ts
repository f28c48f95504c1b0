import type { V2HorizontalPodAutoscalerBehavior, V2HPAScalingRules } from '@kubernetes/client-node';
import { gracePeriodSeconds } from '../src/values/drain-time.ts';
import type { Values } from '../src/values/schema.ts';

const LEAST_STABILIZATION_SECONDS = 300;
/** Kubernetes accepts no more. */
const MOST_STABILIZATION_SECONDS = 3600;
/** Beyond the last drain, time for the numbers of the pods that stay to settle. */
const AFTER_DRAIN_SECONDS = 60;

/** How fast a fleet grows and shrinks, whoever makes the autoscaler. */
export function scalingBehavior(values: Values): V2HorizontalPodAutoscalerBehavior {
  const { scaleUp, scaleDown } = values.autoscaling.behavior;
  return { scaleUp: scaleUp ?? quickly, scaleDown: scaleDown ?? slowly(values) };
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
