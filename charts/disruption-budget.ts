import type { V1PodDisruptionBudget } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';
import type { Named } from './kubernetes-object.ts';
import { metadata, selectorLabels } from './names.ts';

/** Lets a node drain take one pod at a time, and never wait for one that is not Ready anyway. */
export function disruptionBudget(values: Values): Named<V1PodDisruptionBudget> {
  const { minAvailable, maxUnavailable = 1, unhealthyPodEvictionPolicy } = values.podDisruptionBudget;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata(values),
    spec: {
      ...(minAvailable === undefined ? { maxUnavailable } : { minAvailable }),
      unhealthyPodEvictionPolicy,
      selector: { matchLabels: selectorLabels(values) },
    },
  };
}
