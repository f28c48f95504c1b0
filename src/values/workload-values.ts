import { z } from 'zod';
import { int32, labelMap, objectName, podsOrPercent, podsOrShare, rawList, rawMap, textMap } from './fragments.ts';

/** The numbers of one probe; path and port are the charts'. */
function probeValues(defaults: { periodSeconds: number; timeoutSeconds: number; failureThreshold: number }) {
  return z
    .strictObject({
      initialDelaySeconds: int32(0).optional().describe('seconds before the first probe'),
      periodSeconds: int32(1).default(defaults.periodSeconds).describe('seconds between probes'),
      timeoutSeconds: int32(1).default(defaults.timeoutSeconds).describe('seconds that an answer may take'),
      failureThreshold: int32(1).default(defaults.failureThreshold).describe('failures in a row that count'),
    })
    .prefault({});
}

/** Startup and readiness ask whether the pod serves, liveness only whether its event loop turns. */
export const probesValues = z
  .strictObject({
    startup: probeValues({ periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 }).describe('startup probe'),
    readiness: probeValues({ periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 3 }).describe('readiness probe'),
    liveness: probeValues({ periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }).describe('liveness probe'),
  })
  .prefault({});

/** How pods are replaced; by default none goes before its successor is Ready. */
export const strategyValues = z
  .strictObject({
    type: z.enum(['RollingUpdate', 'Recreate']).default('RollingUpdate').describe('one after another, or all at once'),
    rollingUpdate: z
      .strictObject({
        maxSurge: podsOrPercent.default('25%').describe('pods that may run beyond the number asked for'),
        maxUnavailable: podsOrShare.default(0).describe('pods that may be missing'),
      })
      .prefault({})
      .describe('the pace of a rolling update'),
  })
  .prefault({});

/** The identity of the pods. */
export const serviceAccountValues = z
  .strictObject({
    create: z.boolean().default(true).describe('make a ServiceAccount for this fleet'),
    name: objectName.optional().describe('name of the ServiceAccount; the fleet’s name if not set'),
    annotations: textMap.default({}).describe('annotations of the ServiceAccount'),
  })
  .prefault({});

/** What the pod template takes as it is. */
export const podValues = {
  resources: rawMap
    .optional()
    .describe('requests and limits of the container; computed from server.maxConnections if not set'),
  nodeSelector: labelMap.default({}).describe('labels that a node must have'),
  tolerations: rawList.default([]).describe('taints that the pods tolerate'),
  affinity: rawMap.default({}).describe('affinity of the pods'),
  topologySpreadConstraints: rawList.default([]).describe('how the pods spread over zones and nodes'),
  priorityClassName: objectName.optional().describe('priority class of the pods'),
  podLabels: labelMap.default({}).describe('labels to add to the pods'),
  podAnnotations: textMap.default({}).describe('annotations to add to the pods'),
  podSecurityContext: rawMap.default({}).describe('laid over the security context of the pod, which is "restricted"'),
  securityContext: rawMap.default({}).describe('laid over the security context of the container'),
  extraContainers: rawList.default([]).describe('containers to run beside the server'),
};
