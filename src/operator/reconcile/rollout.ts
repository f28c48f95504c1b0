import type { V1DeploymentStatus } from '@kubernetes/client-node';

/** Where the rollout of a Deployment is. */
export type Rollout = 'complete' | 'rolling' | 'stuck';

/** As much of a Deployment as tells. */
export interface Rolled {
  readonly metadata?: { readonly generation?: number | undefined };
  readonly spec?: { readonly replicas?: number | undefined; readonly paused?: boolean | undefined } | undefined;
  readonly status?: V1DeploymentStatus | undefined;
}

/** What `kubectl rollout status` goes by. */
export function rolloutOf(deployment: Rolled): Rollout {
  const { spec, status } = deployment;
  if (!isSeen(deployment)) return 'rolling';
  if (status?.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded')) return 'stuck';
  const wanted = spec?.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {};
  const complete = updatedReplicas >= wanted && replicas <= updatedReplicas && availableReplicas >= updatedReplicas;
  return complete ? 'complete' : 'rolling';
}

/**
 * Whether the template has come out well: all of its pods were available once. Pods that came or went since do not
 * count.
 */
export function cameOut(deployment: Rolled): boolean {
  if (rolloutOf(deployment) === 'complete') return true;
  const { conditions = [], replicas = 0, updatedReplicas = 0 } = deployment.status ?? {};
  const wasComplete = conditions.some(({ reason }) => reason === 'NewReplicaSetAvailable');
  return isSeen(deployment) && wasComplete && replicas <= updatedReplicas;
}

/** Whether no pod is replaced until somebody says so: `kubectl rollout pause`. */
export function isPaused({ spec }: Rolled): boolean {
  return spec?.paused === true;
}

/** Whether the status is about what is wanted now. */
function isSeen({ metadata, status }: Rolled): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
}
