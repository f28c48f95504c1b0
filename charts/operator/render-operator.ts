import type { V1Namespace, V1PodDisruptionBudget, V1Service, V1ServiceAccount } from '@kubernetes/client-node';
import type { KubernetesObject, Named } from '../kubernetes-object.ts';
import { operatorDeployment } from './deployment.ts';
import { OPERATOR_LABELS, OPERATOR_NAME, OPERATOR_NAMESPACE, OPERATOR_PORTS } from './names.ts';
import type { OperatorOptions } from './operator-options.ts';
import { roles } from './roles.ts';

/** The Kubernetes objects that install the operator, in the order in which they should be applied. Pure. */
export function renderOperator(options: OperatorOptions): KubernetesObject[] {
  const { namespace = OPERATOR_NAMESPACE, namespaces } = options;
  return [
    ownNamespace(namespace),
    serviceAccount(namespace),
    ...roles(namespace, namespaces),
    networkPolicy(namespace),
    service(namespace),
    operatorDeployment({ ...options, namespace }),
    disruptionBudget(namespace),
  ];
}

const metadata = (namespace: string) => ({ name: OPERATOR_NAME, namespace, labels: { ...OPERATOR_LABELS } });

function ownNamespace(name: string): Named<V1Namespace> {
  const restricted = ['enforce', 'warn', 'audit'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']);
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { ...OPERATOR_LABELS, ...Object.fromEntries(restricted) } },
  };
}

function serviceAccount(namespace: string): Named<V1ServiceAccount> {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadata(namespace),
    // Only the operator's own pods ask for the token.
    automountServiceAccountToken: false,
  };
}

/** The API server, which asks for metrics, is no pod that a selector could name; the kubelet may reach every port. */
function networkPolicy(namespace: string): KubernetesObject & { readonly spec: object } {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(namespace),
    spec: {
      podSelector: { matchLabels: { ...OPERATOR_LABELS } },
      policyTypes: ['Ingress'],
      ingress: [{ ports: [{ protocol: 'TCP', port: OPERATOR_PORTS['metrics-api'] }] }],
    },
  };
}

/** Where the API server finds the metrics API. */
function service(namespace: string): Named<V1Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(namespace),
    spec: {
      type: 'ClusterIP',
      selector: { ...OPERATOR_LABELS },
      ports: [{ name: 'metrics-api', port: 443, targetPort: 'metrics-api', protocol: 'TCP' }],
    },
  };
}

function disruptionBudget(namespace: string): Named<V1PodDisruptionBudget> {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata(namespace),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: { ...OPERATOR_LABELS } },
    },
  };
}
