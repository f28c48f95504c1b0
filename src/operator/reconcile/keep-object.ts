import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { kindOf } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { Attempts } from './attempts.ts';
import type { Trouble } from './conditions.ts';
import { APPLIED } from './desired.ts';
import { foundWhere, lacks } from './difference.ts';
import { inherit } from './inherit.ts';
import type { McpFleetResource } from './mcp-fleet-resource.ts';
import { FIELD_MANAGER, type OwnedObject, ownedObjectOf, ownerUid } from './owned-object.ts';
import type { OwnedObjects } from './owned-objects.ts';

/** What it takes to write the objects of one fleet. */
export interface Keeper {
  readonly api: KubeApi;
  readonly attempts: Attempts;
  readonly signal: AbortSignal;
}

/** What there is under the name of an object that a fleet wants: it or nothing, or what must not be touched. */
export type Found = { readonly live: OwnedObject | undefined } | { readonly trouble: Trouble };

/** What has become of an object; `pending`: it was applied a moment ago, and does not look like it yet, or any more. */
export type Kept = 'unchanged' | 'created' | 'changed' | 'pending';

/** Looks for an object that a fleet wants. What somebody else has made under its name is not touched. */
export async function findObject(
  keeper: Keeper,
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
  const read = await keeper.api.get<KubeObject>({ kind, namespace, name }, { signal: keeper.signal });
  if (read === undefined) return { live: undefined };
  if (isOf(fleet, read)) return { live: ownedObjectOf(read) };
  if (isUnowned(fleet, read)) return { live: ownedObjectOf(await inherit(keeper, kind, read)) };
  // Not taken over: Kubernetes is about to delete it, and what was deleted is to begin anew.
  const whose = isOfNamesake(fleet, read)
    ? 'still is that of a deleted fleet of this name, and is made anew once it is gone'
    : 'exists and belongs to somebody else, so it was left alone';
  return { trouble: { reason: 'NameTaken', message: `${kindName} ${name} ${whose}.` } };
}

/** Whether an object needs nothing: it has all that is wanted, or the API server's own way to say it. */
export function isKept({ attempts }: Keeper, live: OwnedObject, wanted: KubernetesObject): boolean {
  return !lacks(live, wanted) || attempts.isAsAnswered(placeOf(wanted), markOf(wanted), foundWhere(wanted, live));
}

/**
 * Applies what is wanted, or that with something more in `body`; to what is there only if it still is the same object.
 */
export async function applyObject(
  { api, attempts, signal }: Keeper,
  live: OwnedObject | undefined,
  wanted: KubernetesObject,
  body: KubernetesObject = wanted,
): Promise<Kept> {
  const { uid, resourceVersion } = live?.metadata ?? {};
  const metadata = uid === undefined ? body.metadata : { ...body.metadata, uid };
  // Without force: what somebody else makes under this name in this moment is a conflict, and is found the next time.
  const options = { fieldManager: FIELD_MANAGER, force: live !== undefined, signal };
  const place = placeOf(wanted);
  const write = () => api.apply<KubeObject>({ ...body, metadata }, options);
  const answer = await attempts.make(place, markOf(wanted), write);
  if (answer === undefined) return 'pending';
  attempts.answered(place, foundWhere(wanted, answer));
  if (live === undefined) return 'created';
  return answer.metadata.resourceVersion === resourceVersion ? 'unchanged' : 'changed';
}

/** Applies an object if it lacks anything. */
export async function keepObject(
  keeper: Keeper,
  live: OwnedObject | undefined,
  wanted: KubernetesObject,
): Promise<Kept> {
  if (live !== undefined && isKept(keeper, live, wanted)) return 'unchanged';
  return await applyObject(keeper, live, wanted);
}

const placeOf = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.name}`;

const markOf = ({ metadata }: KubernetesObject) => metadata.annotations?.[APPLIED] ?? '';

const isOf = (fleet: McpFleetResource, object: KubeObject) => ownerUid(object) === fleet.metadata.uid;

const isOfNamesake = (fleet: McpFleetResource, { metadata: { ownerReferences = [] } }: KubeObject) =>
  ownerReferences.some(
    ({ kind, name, controller }) => kind === fleet.kind && name === fleet.metadata.name && controller,
  );

/** Whether plain manifests of the same fleet have made it: then the resource takes over. */
function isUnowned(fleet: McpFleetResource, { metadata }: KubeObject): boolean {
  const { labels = {}, ownerReferences = [] } = metadata;
  const ours = labels['app.kubernetes.io/managed-by'] === 'berth';
  return ours && labels['app.kubernetes.io/instance'] === fleet.metadata.name && ownerReferences.length === 0;
}
