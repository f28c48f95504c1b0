import type { Values } from '../src/values/schema.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { metadata } from './names.ts';

/** The part of the Gateway API's HTTPRoute that is used here; client-node has no type for it. */
interface HttpRoute extends KubernetesObject {
  readonly spec: {
    readonly parentRefs: readonly object[];
    readonly hostnames: readonly string[];
    readonly rules: readonly object[];
  };
}

/** Sends the host names of a gateway to the Service. */
export function httpRoute(values: Values): HttpRoute {
  const { parentRefs, hostnames, annotations } = values.httpRoute;
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: metadata(values, values.name, annotations),
    spec: {
      parentRefs,
      hostnames,
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          backendRefs: [{ name: values.name, port: values.service.port }],
          // Streams stay open for as long as a session lives; 0s is the Gateway API's word for no limit.
          timeouts: { request: '0s' },
        },
      ],
    },
  };
}
