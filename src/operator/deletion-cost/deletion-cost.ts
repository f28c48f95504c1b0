import type { PodObject } from '../pods/fleet-pod.ts';

/** What the ReplicaSet goes by when it has to choose: of several pods the one with the lowest number is deleted first. */
export const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** Who writes it for us. */
export const COST_MANAGER = 'berth-deletion-cost';

/** A pod's deletion cost, and whether somebody else has set it. */
export interface DeletionCost {
  readonly value: number;
  readonly foreign: boolean;
}

/** Reads a pod's deletion cost; none is the same as 0 for Kubernetes. */
export function costOf({ metadata }: PodObject): DeletionCost {
  const text = metadata.annotations?.[DELETION_COST];
  if (text === undefined) return { value: 0, foreign: false };
  return { value: Number(text), foreign: isOwnedByOthers(metadata.managedFields) };
}

interface ManagedFields {
  readonly manager?: string;
  readonly fieldsV1?: { readonly 'f:metadata'?: { readonly 'f:annotations'?: Readonly<Record<string, unknown>> } };
}

function isOwnedByOthers(managedFields: readonly unknown[] | undefined): boolean {
  const owners = (managedFields ?? []) as readonly ManagedFields[];
  return owners.some(
    ({ manager, fieldsV1 }) =>
      manager !== COST_MANAGER && fieldsV1?.['f:metadata']?.['f:annotations']?.[`f:${DELETION_COST}`] !== undefined,
  );
}
