import type { V1Container, V1Deployment, V1EnvVar } from '@kubernetes/client-node';
import type { Named } from '../kubernetes-object.ts';
import { podSecurityContext, securityContext } from '../security.ts';
import { OPERATOR_LABELS, OPERATOR_NAME, OPERATOR_PORTS } from './names.ts';
import type { OperatorOptions } from './operator-options.ts';

/** One leads, and both serve the metrics API. */
const REPLICAS = 2;
/** For the requests under way: the API server may send some for as long as it has not heard that the pod is going. */
const GRACE_SECONDS = 20;

/** The pods of the operator, on different nodes where there are several. */
export function operatorDeployment(options: OperatorOptions & { readonly namespace: string }): Named<V1Deployment> {
  const { namespace, replicas = REPLICAS } = options;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: OPERATOR_NAME, namespace, labels: { ...OPERATOR_LABELS } },
    spec: {
      replicas,
      selector: { matchLabels: { ...OPERATOR_LABELS } },
      // The metrics API is never served by fewer than it should be.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { ...OPERATOR_LABELS } },
        spec: {
          serviceAccountName: OPERATOR_NAME,
          automountServiceAccountToken: true,
          // A Service named berth would set BERTH_PORT.
          enableServiceLinks: false,
          terminationGracePeriodSeconds: GRACE_SECONDS,
          securityContext: podSecurityContext({ podSecurityContext: {} }),
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: { ...OPERATOR_LABELS } },
            },
          ],
          containers: [container(options)],
        },
      },
    },
  };
}

function container({ image, namespaces }: OperatorOptions): V1Container {
  const probe = (path: string) => ({ httpGet: { path, port: 'admin', scheme: 'HTTP' } });
  return {
    name: 'operator',
    image,
    imagePullPolicy: 'IfNotPresent',
    args: ['operator', ...(namespaces === undefined ? [] : [`--namespaces=${namespaces.join(',')}`])],
    env: [ofPod('POD_NAME', 'metadata.name'), ofPod('POD_NAMESPACE', 'metadata.namespace')],
    ports: Object.entries(OPERATOR_PORTS).map(([name, containerPort]) => ({ name, containerPort, protocol: 'TCP' })),
    // Ready only after every pod has been asked once, which an autoscaler waits for.
    readinessProbe: { ...probe('/readyz'), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 },
    livenessProbe: { ...probe('/livez'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    // Enough for 10,000 pods. No limit on CPU, which would throttle what the autoscalers wait for.
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    securityContext: securityContext({}),
  };
}

const ofPod = (name: string, fieldPath: string): V1EnvVar => ({
  name,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
});
