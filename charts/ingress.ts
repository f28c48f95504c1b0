import type { V1Ingress, V1IngressTLS } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';
import type { Named } from './kubernetes-object.ts';
import { metadata } from './names.ts';
import { PORT_NAMES } from './ports.ts';

/** Sends each host to the Service. */
export function ingress(values: Values): Named<V1Ingress> {
  const { className, hosts, tls, annotations } = values.ingress;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: metadata(values, values.name, annotations),
    spec: {
      ...(className === undefined ? {} : { ingressClassName: className }),
      ...(tls.length === 0 ? {} : { tls: tls as unknown as V1IngressTLS[] }),
      rules: hosts.map((host) => ({
        host,
        http: {
          paths: [
            {
              path: '/',
              pathType: 'Prefix',
              backend: { service: { name: values.name, port: { name: PORT_NAMES.mcp } } },
            },
          ],
        },
      })),
    },
  };
}
