import type { V1Deployment } from '@kubernetes/client-node';

/** Where the rollout of a Deployment is. */
export type Rollout = 'complete' | 'rolling' | 'stuck';

/** What `kubectl rollout status` goes by. */
export function rolloutOf({ metadata, spec, status }: Pick<V1Deployment, 'metadata' | 'spec' | 'status'>): Rollout {
  const stuck = status?.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded');
  if (stuck) return 'stuck';
  const wanted = spec?.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, observedGeneration = 0 } = status ?? {};
  const complete =
    observedGeneration >= (metadata?.generation ?? 0) &&
    updatedReplicas >= wanted &&
    replicas <= updatedReplicas &&
    availableReplicas >= updatedReplicas;
  return complete ? 'complete' : 'rolling';
}
