import type { V1Container, V1Probe, V1VolumeMount } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';
import { CONTAINER_NAME } from '../src/values/server-checks.ts';
import { serveArguments } from './arguments.ts';
import { environment } from './environment.ts';
import { identityMounts } from './peer-identity.ts';
import { containerPorts, PORT_NAMES } from './ports.ts';
import { resources } from './resources.ts';
import { securityContext } from './security.ts';

/** The container that serves MCP. */
export function container(values: Values): V1Container {
  const { server, probes } = values;
  const volumeMounts = [...identityMounts(values), ...(server.volumeMounts as unknown as V1VolumeMount[])];
  return {
    name: CONTAINER_NAME,
    image: imageReference(values.image),
    imagePullPolicy: values.image.pullPolicy,
    args: serveArguments(values),
    env: environment(values),
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
    ...(volumeMounts.length === 0 ? {} : { volumeMounts }),
  };
}

/** `repository:tag@digest`, each part that is given. */
function imageReference({ repository, tag, digest }: Values['image']): string {
  return `${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
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
