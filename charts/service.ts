import type { V1Service } from '@kubernetes/client-node';
import { affinitySeconds, sessionAffinity } from '../src/values/affinity.ts';
import type { Values } from '../src/values/schema.ts';
import type { Named } from './kubernetes-object.ts';
import { metadata, selectorLabels } from './names.ts';
import { PORT_NAMES } from './ports.ts';

/** The Service that clients use; it leads a client to the pod of its session where it can see who the client is. */
export function service(values: Values): Named<V1Service> {
  const affinity = sessionAffinity(values);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(values, values.name, values.service.annotations),
    spec: {
      type: values.service.type,
      selector: selectorLabels(values),
      sessionAffinity: affinity,
      ...(affinity === 'None'
        ? {}
        : { sessionAffinityConfig: { clientIP: { timeoutSeconds: affinitySeconds(values) } } }),
      ports: [{ name: PORT_NAMES.mcp, port: values.service.port, targetPort: PORT_NAMES.mcp, protocol: 'TCP' }],
    },
  };
}
