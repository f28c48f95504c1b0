import type {
  V1Container,
  V1Deployment,
  V1DeploymentSpec,
  V1DeploymentStrategy,
  V1PodSpec,
} from '@kubernetes/client-node';
import { gracePeriodSeconds } from '../src/values/drain-time.ts';
import { fixedReplicas } from '../src/values/scale.ts';
import type { Values } from '../src/values/schema.ts';
import { container } from './container.ts';
import { folderVolumes } from './folders.ts';
import { installer } from './installer.ts';
import type { Named } from './kubernetes-object.ts';
import { labels, metadata, selectorLabels, serviceAccountName } from './names.ts';
import { identityVolumes } from './peer-identity.ts';
import { podSecurityContext } from './security.ts';
import { sidecar } from './sidecar.ts';

/** The pods of the fleet; without a number of replicas when an autoscaler owns it. */
export function deployment(values: Values): Named<V1Deployment> {
  const replicas = fixedReplicas(values);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(values),
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      ...readyTimes(values),
      selector: { matchLabels: selectorLabels(values) },
      strategy: strategy(values),
      template: {
        metadata: {
          labels: { ...values.podLabels, ...labels(values) },
          ...whenAny('annotations', values.podAnnotations),
        },
        spec: podSpec(values),
      },
    },
  };
}

/** Kubernetes' default time for a rollout to make progress, which must be above `minReadySeconds`. */
const PROGRESS_SECONDS = 600;

function readyTimes({
  minReadySeconds,
}: Values): Pick<V1DeploymentSpec, 'minReadySeconds' | 'progressDeadlineSeconds'> {
  if (minReadySeconds === undefined) return {};
  if (minReadySeconds < PROGRESS_SECONDS) return { minReadySeconds };
  return { minReadySeconds, progressDeadlineSeconds: minReadySeconds + PROGRESS_SECONDS };
}

/** Kubernetes refuses the numbers of a rolling update beside `Recreate`. */
function strategy({ strategy: { type, rollingUpdate } }: Values): V1DeploymentStrategy {
  return type === 'Recreate' ? { type } : { type, rollingUpdate };
}

function podSpec(values: Values): V1PodSpec {
  return {
    serviceAccountName: serviceAccountName(values),
    // The server asks the Kubernetes API only for the keys of tokens, with one that is mounted for that.
    automountServiceAccountToken: false,
    // A Service named berth would otherwise set BERTH_PORT, which the server would read as its own.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: gracePeriodSeconds(values),
    // A command may leave processes behind; the pause container reaps them, and Node as process 1 would not.
    ...(values.server.command === undefined ? {} : { shareProcessNamespace: true }),
    securityContext: podSecurityContext(values),
    ...whenAny('initContainers', initContainers(values)),
    containers: [container(values), ...(values.extraContainers as unknown as V1Container[])],
    ...(values.priorityClassName === undefined ? {} : { priorityClassName: values.priorityClassName }),
    ...whenAny('imagePullSecrets', values.imagePullSecrets),
    ...whenAny('volumes', [...identityVolumes(values), ...folderVolumes(values), ...values.server.volumes]),
    ...whenAny('nodeSelector', values.nodeSelector),
    ...whenAny('tolerations', values.tolerations),
    ...whenAny('affinity', values.affinity),
    ...whenAny('topologySpreadConstraints', values.topologySpreadConstraints.map(spreadOver(values))),
  };
}

function initContainers(values: Values): V1Container[] {
  return [
    ...(values.server.commandImage === undefined ? [] : [installer(values)]),
    ...(values.sidecar === undefined ? [] : [sidecar(values, values.sidecar)]),
  ];
}

/** A constraint without a selector counts no pods at all, so it counts the fleet's own. */
function spreadOver(values: Values): (constraint: object) => object {
  return (constraint) => ({ labelSelector: { matchLabels: selectorLabels(values) }, ...constraint });
}

/** `{ key: value }` when there is anything in it: an empty list or map says nothing and reads badly. */
function whenAny(key: string, value: object): object {
  return Object.keys(value).length === 0 ? {} : { [key]: value };
}
