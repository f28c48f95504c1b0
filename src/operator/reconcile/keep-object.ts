import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { kindOf } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import { KubeError } from '../../kube/kube-error.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { Trouble } from './conditions.ts';
import { lacks } from './difference.ts';
import type { McpFleetResource } from './mcp-fleet-resource.ts';
import { FIELD_MANAGER, type OwnedObject, ownedObjectOf, ownerUid } from './owned-object.ts';
import type { OwnedObjects } from './owned-objects.ts';

/** What there is under the name of an object that a fleet wants: it or nothing, or what must not be touched. */
export type Found = { readonly live: OwnedObject | undefined } | { readonly trouble: Trouble };

/** What has become of an object. */
export type Kept = 'unchanged' | 'created' | 'changed' | { readonly trouble: Trouble };

/** Looks for an object that a fleet wants. What somebody else has made under its name is not touched. */
export async function findObject(
  api: KubeApi,
  owned: OwnedObjects,
  fleet: McpFleetResource,
  wanted: KubernetesObject,
): Promise<Found> {
  const { apiVersion, kind: kindName, metadata } = wanted;
  const { namespace = '', name } = metadata;
  const kind = kindOf(apiVersion, kindName);
  if (kind === undefined || owned.lacks(kind)) {
    const message = `The cluster has no ${kindName} (${apiVersion}), so ${name} was not made.`;
    return { trouble: { reason: 'KindMissing', message } };
  }
  const known = owned.get(kind, namespace, name);
  if (known !== undefined && isOf(fleet, known)) return { live: known };
  // Either new, or without our label and so not watched, or made a moment ago.
  const read = await api.get<KubeObject>({ kind, namespace, name });
  if (read === undefined) return { live: undefined };
  if (isOf(fleet, read) || isUnowned(fleet, read)) return { live: ownedObjectOf(read) };
  const message = `${kindName} ${name} exists and belongs to somebody else, so it was left alone.`;
  return { trouble: { reason: 'NameTaken', message } };
}

/** Applies an object if it lacks anything. */
export async function keepObject(api: KubeApi, live: OwnedObject | undefined, wanted: KubernetesObject): Promise<Kept> {
  if (live !== undefined && !lacks(live, wanted)) return 'unchanged';
  try {
    await api.apply(wanted, { fieldManager: FIELD_MANAGER, force: true });
    return live === undefined ? 'created' : 'changed';
  } catch (error) {
    if (!(error instanceof KubeError) || !REFUSED.has(error.status)) throw error;
    const message = `${wanted.kind} ${wanted.metadata.name} was refused: ${error.message}`;
    return { trouble: { reason: 'ApplyRefused', message } };
  }
}

/** Answers that a second try of the same would get as well. */
const REFUSED = new Set([400, 403, 422]);

const isOf = (fleet: McpFleetResource, object: KubeObject) => ownerUid(object) === fleet.metadata.uid;

/** Whether plain manifests of the same fleet have made it: then the resource takes over. */
function isUnowned(fleet: McpFleetResource, { metadata }: KubeObject): boolean {
  const { labels = {}, ownerReferences = [] } = metadata;
  const ours = labels['app.kubernetes.io/managed-by'] === 'berth';
  return ours && labels['app.kubernetes.io/instance'] === fleet.metadata.name && ownerReferences.length === 0;
}
