import type { V1ConfigMap } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';
import { CONNECTIONS_METRIC } from './autoscaler.ts';
import type { Named } from './kubernetes-object.ts';
import { metadata } from './names.ts';

/** The largest of a pod's series, since a pod that is scraped twice has two. */
const RULE = `rules:
- seriesQuery: '${CONNECTIONS_METRIC}{namespace!="",pod!=""}'
  resources:
    overrides:
      namespace: {resource: namespace}
      pod: {resource: pod}
  name: {as: ${CONNECTIONS_METRIC}}
  metricsQuery: 'max(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)'
`;

/** The rule by which prometheus-adapter serves the connections, to be merged into its own configuration. */
export function adapterRule(values: Values): Named<V1ConfigMap> {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(values, `${values.name}-prometheus-adapter`),
    data: { 'rules.yaml': RULE },
  };
}
