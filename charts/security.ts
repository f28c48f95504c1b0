import type { V1Capabilities, V1PodSecurityContext, V1SecurityContext } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';

/** Any number but 0; 1000 is the `node` user of the usual Node images. */
const USER = 1000;

/** What Pod Security "restricted" asks of a pod, with the user's fields laid over. */
export function podSecurityContext(values: Pick<Values, 'podSecurityContext'>): V1PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: USER,
    runAsGroup: USER,
    seccompProfile: { type: 'RuntimeDefault' },
    ...values.podSecurityContext,
  };
}

/** What Pod Security "restricted" asks of a container, with a read-only root, and the user's fields laid over. */
export function securityContext(laidOver: Values['securityContext']): V1SecurityContext {
  const { capabilities, ...given } = laidOver;
  return {
    allowPrivilegeEscalation: false,
    // What is added back does not give back all the others.
    capabilities: { drop: ['ALL'], ...(capabilities as V1Capabilities | undefined) },
    readOnlyRootFilesystem: true,
    ...given,
  };
}
