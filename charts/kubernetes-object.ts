import type { V1ObjectMeta } from '@kubernetes/client-node';

/** Any Kubernetes object, plain: what a chart makes, what is written as YAML, what an API server takes. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: V1ObjectMeta & { readonly name: string };
}

/** A kind of client-node's types in which the identifying fields are there. */
export type Named<T> = T & KubernetesObject;
