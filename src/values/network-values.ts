import { z } from 'zod';
import { hostName, namespaceName, objectName, rawList, rawMap, reachablePort, textMap } from './fragments.ts';

/** The Service that clients use. */
export const serviceValues = z
  .strictObject({
    type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']).default('ClusterIP').describe('type of the Service'),
    port: reachablePort.default(80).describe('port of the Service'),
    sessionAffinity: z
      .enum(['ClientIP', 'None'])
      .optional()
      .describe(
        'ClientIP saves most requests a hop between pods; None behind an ingress or a route, ClientIP otherwise',
      ),
    sessionAffinityTimeoutSeconds: z
      .int()
      .min(1)
      .max(86_400)
      .optional()
      .describe('seconds that a client stays on its pod; three hours or the idle timeout if not set'),
    annotations: textMap.default({}).describe('annotations of the Service'),
  })
  .prefault({});

/** An Ingress in front of the Service. */
export const ingressValues = z
  .strictObject({
    enabled: z.boolean().default(false).describe('make an Ingress'),
    className: objectName.optional().describe('class of the Ingress'),
    hosts: z.array(hostName).default([]).describe('host names; the server accepts them too'),
    tls: rawList.default([]).describe('certificates, as Kubernetes has them'),
    annotations: textMap.default({}).describe('annotations of the Ingress'),
  })
  .prefault({});

/** A route of the Gateway API in front of the Service. */
export const httpRouteValues = z
  .strictObject({
    enabled: z.boolean().default(false).describe('make an HTTPRoute'),
    parentRefs: rawList.default([]).describe('the gateways that it joins'),
    hostnames: z.array(hostName).default([]).describe('host names; the server accepts them too'),
    annotations: textMap.default({}).describe('annotations of the HTTPRoute'),
  })
  .prefault({});

/** Who may reach the pods, and whom they may reach. */
export const networkPolicyValues = z
  .strictObject({
    enabled: z.boolean().default(true).describe('make a NetworkPolicy'),
    clients: z.array(rawMap).default([]).describe('peers that may reach the MCP port; anybody if empty'),
    adminNamespaces: z
      .array(namespaceName)
      .default([])
      .describe(
        'namespaces that may reach the admin port, such as those of Prometheus and KEDA; the operator may anyway',
      ),
    egress: rawList
      .optional()
      .describe(
        'egress rules; if given, the pods reach only these, DNS, each other and, with tokens, TCP 443 and 6443',
      ),
  })
  .prefault({});
