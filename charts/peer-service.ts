import type { V1Service } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';
import type { Named } from './kubernetes-object.ts';
import { metadata, peerServiceName, selectorLabels } from './names.ts';
import { containerPorts, PORT_NAMES } from './ports.ts';

/** The headless Service by which pods find each other; a draining pod stays in it until it exits. */
export function peerService(values: Values): Named<V1Service> {
  const ports = containerPorts(values);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(values, peerServiceName(values)),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorLabels(values),
      ports: (['peer', 'admin'] as const).map((name) => ({
        name: PORT_NAMES[name],
        port: ports[name],
        targetPort: PORT_NAMES[name],
        protocol: 'TCP',
      })),
    },
  };
}
