import type { V1Container, V1Probe, V1VolumeMount } from '@kubernetes/client-node';
import { CONTAINER_NAME } from '../src/values/pod-parts.ts';
import type { Values } from '../src/values/schema.ts';
import { sourceKind } from '../src/values/source-kind.ts';
import { serveArguments } from './arguments.ts';
import { environment } from './environment.ts';
import { commandMounts } from './folders.ts';
import { imageReference } from './image-reference.ts';
import { INSTALLED_PROGRAM } from './installer.ts';
import { identityMounts } from './peer-identity.ts';
import { containerPorts, PORT_NAMES } from './ports.ts';
import { resources } from './resources.ts';
import { securityContext } from './security.ts';

/** The container that serves MCP. */
export function container(values: Values): V1Container {
  const { server, probes } = values;
  const image = server.commandImage ?? values.image;
  const volumeMounts = [
    ...identityMounts(values),
    ...commandMounts(values),
    ...(server.volumeMounts as unknown as V1VolumeMount[]),
  ];
  return {
    name: CONTAINER_NAME,
    image: imageReference(image),
    imagePullPolicy: image.pullPolicy,
    ...(server.commandImage === undefined ? {} : { command: INSTALLED_PROGRAM }),
    args: serveArguments(values),
    env: environment(values),
    ...(server.envFrom.length === 0 ? {} : { envFrom: server.envFrom }),
    ports: Object.entries(containerPorts(values)).map(([name, containerPort]) => ({
      name: PORT_NAMES[name as keyof typeof PORT_NAMES],
      containerPort,
      protocol: 'TCP',
    })),
    // What is Ready once the upstream is must not be restarted for an upstream that is not.
    startupProbe: probe(sourceKind(values) === 'upstream' ? '/livez' : '/health-check', probes.startup),
    readinessProbe: probe('/health-check', probes.readiness),
    livenessProbe: probe('/livez', probes.liveness),
    resources: resources(values),
    securityContext: securityContext(values.securityContext),
    ...(volumeMounts.length === 0 ? {} : { volumeMounts }),
  };
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
