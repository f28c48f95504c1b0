import { kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import type { FleetPod } from '../pods/fleet-pod.ts';
import { COST_MANAGER, DELETION_COST } from './deletion-cost.ts';

/** Writes deletion costs; without force, so that what another writer has set is a conflict and stays. */
export function writeCost(api: KubeApi) {
  return async ({ namespace, name, uid }: FleetPod, cost: number, signal: AbortSignal): Promise<void> => {
    const { apiVersion, kind } = kinds.pod;
    // With the uid, a pod that has gone meanwhile is not made anew.
    const metadata = { namespace, name, uid, annotations: { [DELETION_COST]: String(cost) } };
    await api.apply({ apiVersion, kind, metadata }, { fieldManager: COST_MANAGER, signal });
  };
}
