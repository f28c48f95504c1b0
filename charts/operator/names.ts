/** The name of everything that belongs to the operator itself. */
export const OPERATOR_NAME = 'berth-operator';

/** Where the operator runs when nobody says otherwise. */
export const OPERATOR_NAMESPACE = 'berth-system';

/** The labels by which the operator's pods are told from all others. */
export const OPERATOR_LABELS: Readonly<Record<string, string>> = { 'app.kubernetes.io/name': OPERATOR_NAME };

/** The Secret with the certificates of the metrics API, in the operator's namespace. */
export const CERTIFICATES_SECRET = `${OPERATOR_NAME}-tls`;

/** The operator's ports: probes and its own metrics, and the metrics API. */
export const OPERATOR_PORTS = { admin: 9464, 'metrics-api': 8443 } as const;

/** The API services that the operator registers, by the names that the API server asks for. */
export const API_SERVICES = ['v1beta1.custom.metrics.k8s.io', 'v1beta2.custom.metrics.k8s.io'] as const;

/** The custom resource that describes a fleet. */
export const FLEET_RESOURCE = {
  group: 'berth.dev',
  version: 'v1alpha1',
  kind: 'MCPFleet',
  plural: 'mcpfleets',
  singular: 'mcpfleet',
  shortName: 'berth',
} as const;
