/** What a path to the objects of one kind is made of. */
export interface Kind {
  /** `v1` or `group/version`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** As in paths: lower case. */
  readonly plural: string;
  readonly namespaced: boolean;
}

const MONITORING = 'monitoring.coreos.com/v1';
const NETWORKING = 'networking.k8s.io/v1';

/** The kinds that berth has to do with, optional ones included: a cluster may lack those. */
export const kinds = {
  pod: inNamespace('v1', 'Pod', 'pods'),
  service: inNamespace('v1', 'Service', 'services'),
  serviceAccount: inNamespace('v1', 'ServiceAccount', 'serviceaccounts'),
  secret: inNamespace('v1', 'Secret', 'secrets'),
  configMap: inNamespace('v1', 'ConfigMap', 'configmaps'),
  namespace: inCluster('v1', 'Namespace', 'namespaces'),
  deployment: inNamespace('apps/v1', 'Deployment', 'deployments'),
  horizontalPodAutoscaler: inNamespace('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  podDisruptionBudget: inNamespace('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  networkPolicy: inNamespace(NETWORKING, 'NetworkPolicy', 'networkpolicies'),
  ingress: inNamespace(NETWORKING, 'Ingress', 'ingresses'),
  httpRoute: inNamespace('gateway.networking.k8s.io/v1', 'HTTPRoute', 'httproutes'),
  serviceMonitor: inNamespace(MONITORING, 'ServiceMonitor', 'servicemonitors'),
  prometheusRule: inNamespace(MONITORING, 'PrometheusRule', 'prometheusrules'),
  scaledObject: inNamespace('keda.sh/v1alpha1', 'ScaledObject', 'scaledobjects'),
  mcpFleet: inNamespace('berth.dev/v1alpha1', 'MCPFleet', 'mcpfleets'),
  apiService: inCluster('apiregistration.k8s.io/v1', 'APIService', 'apiservices'),
  lease: inNamespace('coordination.k8s.io/v1', 'Lease', 'leases'),
  event: inNamespace('events.k8s.io/v1', 'Event', 'events'),
  clusterRole: inCluster('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles'),
  subjectAccessReview: inCluster('authorization.k8s.io/v1', 'SubjectAccessReview', 'subjectaccessreviews'),
  endpointSlice: inNamespace('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'),
} satisfies Record<string, Kind>;

const byName = new Map<string, Kind>(Object.values(kinds).map((kind) => [`${kind.apiVersion} ${kind.kind}`, kind]));

/** The kind of an object of ours, by its two fields; `undefined` for one that is not in the table. */
export function kindOf(apiVersion: string, kind: string): Kind | undefined {
  return byName.get(`${apiVersion} ${kind}`);
}

function inNamespace(apiVersion: string, kind: string, plural: string): Kind {
  return { apiVersion, kind, plural, namespaced: true };
}

function inCluster(apiVersion: string, kind: string, plural: string): Kind {
  return { apiVersion, kind, plural, namespaced: false };
}
