/** The API group of metrics about objects. */
export const GROUP = 'custom.metrics.k8s.io';

/** The versions of the group, the preferred one first. */
export const VERSIONS = ['v1beta2', 'v1beta1'] as const;
export type Version = (typeof VERSIONS)[number];

/** A metric and the resource that it is about. */
export interface ServedMetric {
  /** As in paths: the plural, with the group behind it unless that is the core group. */
  readonly resource: string;
  readonly metric: string;
  readonly kind: string;
  /** Go servers write the core group's as `/v1`, and clients expect nothing better. */
  readonly apiVersion: string;
}

/** All there is, whether or not a pod has told it yet: a list that grows would be read too early by those who cache it. */
export const SERVED_METRICS: readonly ServedMetric[] = [
  { resource: 'pods', metric: 'mcp_active_connections', kind: 'Pod', apiVersion: '/v1' },
  { resource: 'mcpfleets.berth.dev', metric: 'mcp_demand', kind: 'MCPFleet', apiVersion: 'berth.dev/v1alpha1' },
  { resource: 'services', metric: 'mcp_demand', kind: 'Service', apiVersion: '/v1' },
];
