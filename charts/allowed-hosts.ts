import type { Values } from '../src/values/schema.ts';
import { NAMESPACE_VARIABLE } from '../src/values/server-checks.ts';
import { serveDefaults } from '../src/values/server-values.ts';

/**
 * The Host names that the pods answer to: the Service's, the ingress' and the route's, the user's, and those of
 * `kubectl port-forward`. A namespace that is not known yet is left to the kubelet, which expands `$(POD_NAMESPACE)`.
 */
export function allowedHosts(
  values: Pick<Values, 'name' | 'namespace' | 'ingress' | 'httpRoute' | 'server'>,
): string[] {
  const { name, ingress, httpRoute, server } = values;
  const namespace = values.namespace ?? `$(${NAMESPACE_VARIABLE})`;
  return [
    ...new Set([
      name,
      `${name}.${namespace}`,
      `${name}.${namespace}.svc`,
      `${name}.${namespace}.svc.cluster.local`,
      ...(ingress.enabled ? ingress.hosts : []),
      ...(httpRoute.enabled ? httpRoute.hostnames : []),
      ...(server.allowedHosts ?? []),
      ...serveDefaults.allowedHosts,
    ]),
  ];
}
