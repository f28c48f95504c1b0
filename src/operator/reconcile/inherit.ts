import type { Kind } from '../../kube/kinds.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { Keeper } from './keep-object.ts';
import { FIELD_MANAGER, REPLICAS_MANAGER } from './owned-object.ts';

interface Fields {
  readonly [step: string]: Fields;
}

/** An entry of `metadata.managedFields`. */
interface Managed {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Fields;
}

/**
 * Makes ours what those own who have applied the plain manifests of a fleet, kubectl say: they would go on to want it,
 * and nothing that the resource no longer has would ever vanish. Answers the object as it is then.
 */
export async function inherit({ api, signal }: Keeper, kind: Kind, object: KubeObject): Promise<KubeObject> {
  const { namespace, name, resourceVersion, managedFields = [] } = object.metadata;
  const inherited = inheritedFields(managedFields as readonly Managed[], object.apiVersion);
  if (inherited === undefined) return object;
  // With the version, as others may have changed who owns what.
  const patch = { metadata: { resourceVersion, managedFields: inherited } };
  return await api.mergePatch<KubeObject>({ kind, namespace, name }, patch, { fieldManager: FIELD_MANAGER, signal });
}

/** Who owns what afterwards; `undefined` when it is nobody else who made the object berth's. Pure. */
export function inheritedFields(entries: readonly Managed[], apiVersion: string): readonly Managed[] | undefined {
  const isTheirs = ({ manager, subresource, fieldsV1, ...entry }: Managed) =>
    manager !== FIELD_MANAGER &&
    subresource === undefined &&
    entry.apiVersion === apiVersion &&
    fieldsV1?.['f:metadata']?.['f:labels']?.['f:app.kubernetes.io/managed-by'] !== undefined;
  const isOurs = ({ manager, operation, subresource }: Managed) =>
    manager === FIELD_MANAGER && operation === 'Apply' && subresource === undefined;
  if (!entries.some(isTheirs)) return undefined;

  const fields = entries
    .filter((entry) => isTheirs(entry) || isOurs(entry))
    .reduce<Fields>((sum, { fieldsV1 = {} }) => union(sum, fieldsV1), {});
  const { 'f:replicas': replicas, ...spec } = fields['f:spec'] ?? {};
  const applied = (manager: string, fieldsV1: Fields) => ({
    ...{ manager, operation: 'Apply', apiVersion, fieldsType: 'FieldsV1', fieldsV1 },
  });
  return [
    ...entries.filter((entry) => !isTheirs(entry) && !isOurs(entry)),
    applied(FIELD_MANAGER, { ...fields, ...('f:spec' in fields ? { 'f:spec': spec } : {}) }),
    // Not with the rest, which is applied without it: there would be one pod.
    ...(replicas === undefined ? [] : [applied(REPLICAS_MANAGER, { 'f:spec': { 'f:replicas': replicas } })]),
  ];
}

function union(a: Fields, b: Fields): Fields {
  const merged: Record<string, Fields> = { ...a };
  for (const [step, below] of Object.entries(b)) merged[step] = union(a[step] ?? {}, below);
  return merged;
}
