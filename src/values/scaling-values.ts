import { z } from 'zod';
import { int32, podsOrShare, rawMap } from './fragments.ts';

/** The autoscaler on the connections that the pods hold. */
export const autoscalingValues = z
  .strictObject({
    enabled: z.boolean().default(false).describe('let the number of pods follow the connections they hold'),
    source: z
      .enum(['operator', 'keda', 'prometheus-adapter'])
      .default('operator')
      .describe('who tells the autoscaler of the connections: berth’s operator, KEDA or prometheus-adapter'),
    metric: z
      .enum(['pods', 'object'])
      .optional()
      .describe(
        'pods, the mean of the pods, or object, what the whole fleet needs; object with the custom resource or a buffer, pods otherwise',
      ),
    minReplicas: int32(1).default(1).describe('pods to keep at least'),
    maxReplicas: int32(1).default(10).describe('pods to run at most'),
    targetUtilization: z.int().min(1).max(100).default(70).describe('percent of the slots that should be in use'),
    buffer: int32(0).default(0).describe('slots to keep free, where a percentage of a small fleet would be too few'),
    behavior: z
      .strictObject({
        scaleUp: rawMap.optional().describe('how fast it grows, as Kubernetes has it'),
        scaleDown: rawMap.optional().describe('how fast it shrinks, as Kubernetes has it'),
      })
      .prefault({})
      .describe('replaces the quick scale-up and the slow scale-down'),
  })
  .prefault({});

/** How many pods a node drain may take at once. */
export const disruptionBudgetValues = z
  .strictObject({
    enabled: z.boolean().default(true).describe('make a PodDisruptionBudget'),
    maxUnavailable: podsOrShare.optional().describe('pods that may be away at once; 1 if neither is set'),
    minAvailable: podsOrShare.optional().describe('pods that must stay; instead of maxUnavailable'),
    unhealthyPodEvictionPolicy: z
      .enum(['AlwaysAllow', 'IfHealthyBudget'])
      .default('AlwaysAllow')
      .describe('whether pods that are not Ready may always be evicted'),
  })
  .prefault({});
