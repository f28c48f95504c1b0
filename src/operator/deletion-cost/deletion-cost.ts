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
  return { value: Number(text), foreign: !owns(metadata.managedFields, COST_MANAGER) };
}

interface ManagedFields {
  readonly manager?: string;
  readonly fieldsV1?: { readonly 'f:metadata'?: { readonly 'f:annotations'?: Readonly<Record<string, unknown>> } };
}

function owns(managedFields: readonly unknown[] | undefined, manager: string): boolean {
  const owners = (managedFields ?? []) as readonly ManagedFields[];
  const holds = ({ fieldsV1 }: ManagedFields) =>
    fieldsV1?.['f:metadata']?.['f:annotations']?.[`f:${DELETION_COST}`] !== undefined;
  return owners.some((entry) => entry.manager === manager && holds(entry));
}

/** Steps that a pod's cap is cut into: pods that differ by less than one are as good as each other. */
const STEPS = 20;

/** How far two pods' connections may differ before it matters which one goes. */
export function costStep(maxConnections: number): number {
  return Math.max(1, Math.floor(maxConnections / STEPS));
}

/** The cost of a pod that holds so many connections: in steps, so that it seldom changes. */
export function costFor(connections: number, maxConnections: number): number {
  const step = costStep(maxConnections);
  return Math.floor(connections / step) * step;
}

/** A pod that may have to go: what it holds, and the cost that Kubernetes sees. */
export interface Candidate {
  readonly connections: number;
  readonly maxConnections: number;
  readonly cost: number;
}

/** Whether the costs lead a ReplicaSet to the emptiest pods: none that goes before another holds a step more than it. */
export function ranksByConnections(candidates: readonly Candidate[]): boolean {
  const inOrder = candidates.toSorted((a, b) => a.cost - b.cost);
  let fullest = 0;
  for (let first = 0; first < inOrder.length; ) {
    const { cost } = inOrder[first] as Candidate;
    let next = first;
    for (; next < inOrder.length && inOrder[next]?.cost === cost; next++)
      fullest = Math.max(fullest, inOrder[next]?.connections ?? 0);
    for (const { connections, maxConnections } of inOrder.slice(first, next))
      if (fullest >= connections + costStep(maxConnections)) return false;
    first = next;
  }
  return true;
}
