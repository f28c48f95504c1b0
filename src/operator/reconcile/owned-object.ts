import type { V1DeploymentStatus } from '@kubernetes/client-node';
import { type KubeObject, keyOf, type ObjectMeta } from '../../kube/kube-object.ts';

/** Who applies everything of a fleet but the number of its pods. */
export const FIELD_MANAGER = 'berth-operator';

/**
 * Who applies the number of pods, and nothing else. The other manager of ours never does: a field that its last manager
 * lets go of falls back to its default, which is one pod.
 */
export const REPLICAS_MANAGER = 'berth-operator-replicas';

/** An object of a fleet as it is. */
export interface OwnedObject extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: V1DeploymentStatus;
  /** Whether its number of pods would stay if we no longer applied it. */
  readonly replicasAreHeld: boolean;
}

/** What is needed of an object that a fleet has: all but who set which field, and the status where nobody asks for it. */
export function ownedObjectOf(object: KubeObject & { readonly status?: unknown }): OwnedObject {
  const { metadata, status, ...rest } = object;
  const { managedFields = [], ...kept } = metadata;
  return {
    ...rest,
    metadata: kept,
    ...(object.kind === 'Deployment' && status !== undefined ? { status: status as V1DeploymentStatus } : {}),
    replicasAreHeld: (managedFields as readonly ManagedFields[]).some(
      ({ manager, fieldsV1 }) => manager !== FIELD_MANAGER && fieldsV1?.['f:spec']?.['f:replicas'] !== undefined,
    ),
  };
}

/**
 * What is held of any object with our label. Of one that belongs to no fleet only who it is: anybody may put the label on
 * anything, as much and as large as they like, and whoever wants its name reads it anew.
 */
export function heldObjectOf(object: KubeObject): OwnedObject {
  if (ownerUid(object) !== undefined) return ownedObjectOf(object);
  const { apiVersion, kind, metadata } = object;
  const held = Object.entries(metadata).filter(([key]) => IDENTITY.has(key));
  return { apiVersion, kind, metadata: { name: metadata.name, ...Object.fromEntries(held) }, replicasAreHeld: false };
}

const IDENTITY: ReadonlySet<string> = new Set([
  ...(['name', 'namespace', 'uid', 'resourceVersion', 'generation'] as const),
  ...(['labels', 'ownerReferences', 'deletionTimestamp'] as const),
] satisfies (keyof ObjectMeta)[]);

interface ManagedFields {
  readonly manager?: string;
  readonly fieldsV1?: { readonly 'f:spec'?: Readonly<Record<string, unknown>> };
}

/** The uid of the fleet that an object belongs to. */
export function ownerUid({ metadata }: KubeObject): string | undefined {
  return metadata.ownerReferences?.find(({ kind, controller }) => kind === 'MCPFleet' && controller === true)?.uid;
}

/** `namespace/name` of the fleet that an object goes with. */
export function fleetOf({ metadata: { namespace = '', ownerReferences = [] } }: KubeObject): string | undefined {
  const owner = ownerReferences.find(({ kind }) => kind === 'MCPFleet');
  return owner === undefined ? undefined : keyOf({ metadata: { namespace, name: owner.name } });
}
