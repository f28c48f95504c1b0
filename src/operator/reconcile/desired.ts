import { createHash } from 'node:crypto';
import type { V1Deployment } from '@kubernetes/client-node';
import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { selectorLabels } from '../../../charts/names.ts';
import { valuesOf } from '../../../charts/operator/values-of.ts';
import { render } from '../../../charts/render.ts';
import { UsageError } from '../../config/problems.ts';
import { fewestReplicas } from '../../values/scale.ts';
import type { Values } from '../../values/schema.ts';
import { validateValues } from '../../values/validate.ts';
import type { McpFleetResource } from './mcp-fleet-resource.ts';

/** The annotation that says what was applied: a field that is no longer wanted would not be missed otherwise. */
export const APPLIED = 'berth.dev/applied';

/** What a fleet should consist of. */
export interface Desired {
  readonly values: Values;
  /** In the order in which they are applied; the Deployment is without replicas. */
  readonly objects: readonly KubernetesObject[];
  readonly replicas: Replicas;
  /** The selector of the pods. */
  readonly selector: string;
}

/** Who decides how many pods there are. */
export interface Replicas {
  /** What the resource asks for; `undefined` when an autoscaler, or whoever scales the Deployment, decides. */
  readonly wanted: number | undefined;
  /** What a new Deployment begins with. */
  readonly first: number;
}

/** What a resource asks for; throws a `UsageError` with everything that is wrong with it. */
export function desiredOf(fleet: McpFleetResource, operatorNamespace: string): Desired {
  if (fleet.unreadable !== undefined) throw new UsageError([fleet.unreadable]);
  const values = validateValues(valuesOf(fleet));
  const { replicas, autoscaling } = values;
  const objects = render(values, { describedBy: 'MCPFleet', operatorNamespace });
  return {
    values,
    objects: objects.map((object) => marked(owned(withoutReplicas(object), fleet))),
    replicas: { wanted: autoscaling.enabled ? undefined : replicas, first: fewestReplicas(values) },
    selector: Object.entries(selectorLabels(values))
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  };
}

function withoutReplicas(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'Deployment') return object;
  const { replicas, ...spec } = (object as V1Deployment).spec ?? {};
  return { ...object, spec } as KubernetesObject;
}

/** Kubernetes deletes what a fleet owns with it. */
function owned(object: KubernetesObject, { apiVersion, kind, metadata }: McpFleetResource): KubernetesObject {
  const owner = { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '', controller: true };
  return { ...object, metadata: { ...object.metadata, ownerReferences: [owner] } };
}

function marked(object: KubernetesObject): KubernetesObject {
  const hash = createHash('sha256').update(JSON.stringify(object)).digest('base64url').slice(0, 16);
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [APPLIED]: hash } },
  };
}
