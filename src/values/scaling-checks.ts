import { type Check, when } from './check.ts';
import { drainSeconds, gracePeriodSeconds } from './drain-time.ts';
import { fewestReplicas } from './scale.ts';
import type { Values } from './schema.ts';

/** Rules about how many pods there are, and how they end. */
export const scalingChecks: readonly Check[] = [
  {
    reads: ['replicas', 'workers'],
    find: ({ replicas, workers }) =>
      when(
        replicas !== undefined && workers !== undefined && replicas !== workers,
        'workers',
        () => `is ${workers} and replicas is ${replicas}, but they are two names of one number. Give one of them.`,
      ),
  },
  {
    reads: ['replicas', 'workers', 'autoscaling.enabled'],
    find: ({ replicas, workers, autoscaling }) =>
      when(
        autoscaling.enabled && (replicas ?? workers) !== undefined,
        replicas === undefined ? 'workers' : 'replicas',
        () =>
          `is ${replicas ?? workers} but autoscaling is enabled, and the two would fight over the number of pods. Give autoscaling.minReplicas instead.`,
      ),
  },
  {
    reads: [
      'terminationGracePeriodSeconds',
      ...['drainDelay', 'drainWindow', 'longestCall', 'command'].map((key) => `server.${key}`),
      'sidecar',
    ],
    find: (values) =>
      when(
        gracePeriodSeconds(values) < drainSeconds(values),
        'terminationGracePeriodSeconds',
        () => `is ${gracePeriodSeconds(values)} but the drain needs ${drainSeconds(values)}: calls would be cut.`,
      ),
  },
  {
    reads: ['strategy'],
    find({ strategy: { type, rollingUpdate } }) {
      const { maxSurge, maxUnavailable } = rollingUpdate;
      return when(
        type === 'RollingUpdate' &&
          Number.parseInt(String(maxSurge), 10) + Number.parseInt(String(maxUnavailable), 10) === 0,
        'strategy.rollingUpdate.maxSurge',
        () => `is ${maxSurge} and maxUnavailable is ${maxUnavailable}: no pod could ever be replaced.`,
      );
    },
  },
  {
    reads: ['podDisruptionBudget'],
    find: ({ podDisruptionBudget: { maxUnavailable, minAvailable } }) =>
      when(
        maxUnavailable !== undefined && minAvailable !== undefined,
        'podDisruptionBudget.minAvailable',
        () => 'and podDisruptionBudget.maxUnavailable are both given, but Kubernetes accepts only one of them.',
      ),
  },
  {
    reads: ['podDisruptionBudget', 'replicas', 'workers', 'autoscaling'],
    find(values) {
      const { enabled, maxUnavailable, minAvailable } = values.podDisruptionBudget;
      const pods = fewestReplicas(values);
      const path = `podDisruptionBudget.${minAvailable === undefined ? 'maxUnavailable' : 'minAvailable'}`;
      return when(
        enabled && pods > 0 && evictable(pods, maxUnavailable, minAvailable) < 1,
        path,
        () =>
          `is ${minAvailable ?? maxUnavailable}, which with ${pods} ${pods === 1 ? 'pod' : 'pods'} forbids every eviction: no node that runs one could be drained.`,
      );
    },
  },
];

type Amount = Values['podDisruptionBudget']['maxUnavailable'];

/** Kubernetes rounds shares up, for both kinds of bound. */
function evictable(pods: number, maxUnavailable: Amount, minAvailable: Amount): number {
  const amount = (of: number | string) =>
    typeof of === 'number' ? of : Math.ceil((pods * Number.parseInt(of, 10)) / 100);
  if (minAvailable !== undefined) return pods - amount(minAvailable);
  return maxUnavailable === undefined ? 1 : amount(maxUnavailable);
}
