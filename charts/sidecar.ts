import type { V1Container, V1EnvFromSource, V1EnvVar, V1Probe, V1VolumeMount } from '@kubernetes/client-node';
import { SIDECAR_NAME } from '../src/values/pod-parts.ts';
import type { Values } from '../src/values/schema.ts';
import { sidecarMounts } from './folders.ts';
import { imageReference } from './image-reference.ts';
import { PORT_NAMES } from './ports.ts';
import { securityContext } from './security.ts';

type Sidecar = NonNullable<Values['sidecar']>;

/**
 * The user's own server as a native sidecar, which Kubernetes has from 1.29 on: it starts before berth, and is told to
 * end only once berth has. The other way round it would be gone before berth could drain.
 */
export function sidecar(values: Values, own: Sidecar): V1Container {
  const { image, port, command, args, env, envFrom, startupProbe = untilConnected(port), livenessProbe } = own;
  const volumeMounts = [...sidecarMounts(values), ...(own.volumeMounts as unknown as V1VolumeMount[])];
  return {
    name: SIDECAR_NAME,
    image: imageReference(image),
    imagePullPolicy: image.pullPolicy,
    restartPolicy: 'Always',
    ...(command.length === 0 ? {} : { command }),
    ...(args.length === 0 ? {} : { args }),
    ...(env.length === 0 ? {} : { env: env as unknown as V1EnvVar[] }),
    ...(envFrom.length === 0 ? {} : { envFrom: envFrom as unknown as V1EnvFromSource[] }),
    ports: [{ name: PORT_NAMES.upstream, containerPort: port, protocol: 'TCP' }],
    ...(isEmpty(startupProbe) ? {} : { startupProbe }),
    ...(livenessProbe === undefined ? {} : { livenessProbe: livenessProbe as V1Probe }),
    ...(isEmpty(own.resources) ? {} : { resources: own.resources }),
    securityContext: securityContext(own.securityContext),
    ...(volumeMounts.length === 0 ? {} : { volumeMounts }),
  };
}

/** The kubelet connects to the pod's address: a server that listens on the loopback alone needs a probe of its own. */
const untilConnected = (port: number): V1Probe => ({ tcpSocket: { port }, periodSeconds: 2, failureThreshold: 30 });

const isEmpty = (map: object) => Object.keys(map).length === 0;
