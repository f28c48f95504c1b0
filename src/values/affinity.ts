import type { Values } from './schema.ts';
import { effectiveSettings } from './server-values.ts';

/** Kubernetes' own default: three hours. */
const KUBERNETES_DEFAULT_SECONDS = 10_800;
/** The longest that Kubernetes accepts: a day. */
const LONGEST_AFFINITY_SECONDS = 86_400;

/**
 * Any pod serves any session, by asking the one that holds it; `ClientIP` saves most requests that way. Behind a proxy
 * all clients have the proxy's address, and it would send everybody to one pod.
 */
export function sessionAffinity(values: Pick<Values, 'service' | 'ingress' | 'httpRoute'>): 'ClientIP' | 'None' {
  return values.service.sessionAffinity ?? (values.ingress.enabled || values.httpRoute.enabled ? 'None' : 'ClientIP');
}

/** Seconds that a client stays on its pod: as long as an idle session lives, unless the values say otherwise. */
export function affinitySeconds(values: Pick<Values, 'service' | 'server'>): number {
  const idle = Math.ceil(effectiveSettings(values.server).sessionIdleTimeout / 1000);
  const computed = Math.min(LONGEST_AFFINITY_SECONDS, Math.max(KUBERNETES_DEFAULT_SECONDS, idle));
  return values.service.sessionAffinityTimeoutSeconds ?? computed;
}
