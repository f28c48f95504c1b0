import { z } from 'zod';
import { dnsLabel, int32, namespaceName, rawList } from './fragments.ts';
import { imageValues } from './image-values.ts';
import { httpRouteValues, ingressValues, networkPolicyValues, serviceValues } from './network-values.ts';
import { autoscalingValues, disruptionBudgetValues } from './scaling-values.ts';
import { serverValues } from './server-values.ts';
import { sidecarValues } from './sidecar-values.ts';
import { podValues, probesValues, serviceAccountValues, strategyValues } from './workload-values.ts';

/** The longest suffix that the charts put behind the name, taken from the 63 characters of a Service's name. */
export const LONGEST_NAME = 63 - '-peers'.length;

const count = z.int().min(0).max(10_000);

/** Everything that describes one fleet: the one truth of values files, `--set` and values.schema.json. */
export const valuesSchema = z.strictObject({
  name: dnsLabel(LONGEST_NAME).describe('name of the fleet and of its objects'),
  namespace: namespaceName.optional().describe('namespace of the objects; left to kubectl if not set'),
  image: imageValues.describe('the image that runs'),
  imagePullSecrets: rawList.default([]).describe('secrets to pull it with, such as {name: registry}'),
  server: serverValues.prefault({}).describe('the server in each pod'),
  sidecar: sidecarValues.describe('a server of your own, in any language, that berth stands in front of'),
  replicas: count.optional().describe('pods to run; 1 if not set'),
  workers: count.optional().describe('another name for replicas'),
  autoscaling: autoscalingValues.describe('the autoscaler, on the connections that the pods hold'),
  service: serviceValues.describe('the Service that clients use'),
  ingress: ingressValues.describe('an Ingress in front of the Service'),
  httpRoute: httpRouteValues.describe('a route of the Gateway API in front of the Service'),
  probes: probesValues.describe('the numbers of the probes; what they ask is settled'),
  strategy: strategyValues.describe('how pods are replaced'),
  // The rollout's deadline is this and ten minutes, and must be an int32 as well.
  minReadySeconds: int32(0).max(2_147_482_000).optional().describe('seconds that a new pod must be Ready to count'),
  terminationGracePeriodSeconds: int32(1)
    .optional()
    .describe('seconds that a pod gets to end; what the drain needs if not set'),
  podDisruptionBudget: disruptionBudgetValues.describe('how many pods a node drain may take at once'),
  networkPolicy: networkPolicyValues.describe('who may reach the pods, and whom they may reach'),
  serviceAccount: serviceAccountValues.describe('the identity of the pods'),
  ...podValues,
  extraObjects: rawList.default([]).describe('other Kubernetes objects to emit as they are'),
});

/** Validated values, with every default in its place. */
export type Values = Readonly<z.output<typeof valuesSchema>>;

/** Values as a person or a program gives them. */
export type ValuesInput = z.input<typeof valuesSchema>;
