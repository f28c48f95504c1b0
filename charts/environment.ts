import type { V1EnvVar } from '@kubernetes/client-node';
import { environmentName } from '../src/config/serve-config.ts';
import { commandVariables } from '../src/values/command-variables.ts';
import type { Values } from '../src/values/schema.ts';
import { IP_VARIABLE, NAMESPACE_VARIABLE, TEMPLATE_VARIABLE } from '../src/values/server-checks.ts';

/** The container's variables: what the pod knows of itself, the store's address where a Secret has it, a command's home, the user's. */
export function environment(values: Pick<Values, 'namespace' | 'server'>): V1EnvVar[] {
  const { namespace, server } = values;
  return [
    // Only where the arguments need it: with a namespace in the values they name it themselves.
    ...(namespace === undefined ? [ofPod(NAMESPACE_VARIABLE, 'metadata.namespace')] : []),
    ofPod(IP_VARIABLE, 'status.podIP'),
    ofPod(TEMPLATE_VARIABLE, "metadata.labels['pod-template-hash']"),
    ...(server.sessionStoreSecret === undefined
      ? []
      : [{ name: environmentName('sessionStore'), valueFrom: { secretKeyRef: server.sessionStoreSecret } }]),
    ...commandVariables({ server }),
    ...(server.env as unknown as V1EnvVar[]),
  ];
}

const ofPod = (name: string, fieldPath: string): V1EnvVar => ({
  name,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
});
