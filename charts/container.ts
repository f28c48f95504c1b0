import type { V1Container, V1EnvVar, V1Probe } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';
import { CONTAINER_NAME, NAMESPACE_VARIABLE } from '../src/values/server-checks.ts';
import { serveArguments } from './arguments.ts';
import { containerPorts, PORT_NAMES } from './ports.ts';
import { resources } from './resources.ts';
import { securityContext } from './security.ts';

/** The container that serves MCP. */
export function container(values: Values): V1Container {
  const { server, probes } = values;
  const env = [...namespaceVariable(values), ...(server.env as unknown as V1EnvVar[])];
  return {
    name: CONTAINER_NAME,
    image: imageReference(values.image),
    imagePullPolicy: values.image.pullPolicy,
    args: serveArguments(values),
    ...(env.length === 0 ? {} : { env }),
    ...(server.envFrom.length === 0 ? {} : { envFrom: server.envFrom }),
    ports: Object.entries(containerPorts(values)).map(([name, containerPort]) => ({
      name: PORT_NAMES[name as keyof typeof PORT_NAMES],
      containerPort,
      protocol: 'TCP',
    })),
    startupProbe: probe('/health-check', probes.startup),
    readinessProbe: probe('/health-check', probes.readiness),
    livenessProbe: probe('/livez', probes.liveness),
    resources: resources(values),
    securityContext: securityContext(values),
    ...(server.volumeMounts.length === 0
      ? {}
      : { volumeMounts: server.volumeMounts as unknown as V1Container['volumeMounts'] & object }),
  };
}

/** `repository:tag@digest`, each part that is given. */
function imageReference({ repository, tag, digest }: Values['image']): string {
  return `${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Only where the arguments need it: with a namespace in the values they name it themselves. */
function namespaceVariable(values: Pick<Values, 'namespace'>): V1EnvVar[] {
  return values.namespace === undefined
    ? [{ name: NAMESPACE_VARIABLE, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } }]
    : [];
}

/** On the admin listener, which a full or busy public listener does not hold up. */
function probe(path: string, numbers: Values['probes']['startup']): V1Probe {
  const { initialDelaySeconds, ...rest } = numbers;
  return {
    httpGet: { path, port: PORT_NAMES.admin, scheme: 'HTTP' },
    ...(initialDelaySeconds === undefined ? {} : { initialDelaySeconds }),
    ...rest,
  };
}
