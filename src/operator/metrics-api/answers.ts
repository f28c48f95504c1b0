import { quantity } from './quantity.ts';
import type { SelectorObject } from './selector-object.ts';
import { GROUP, type ServedMetric, type Version } from './served-metrics.ts';

/** One number about one object. */
export interface MetricValue {
  readonly served: ServedMetric;
  readonly namespace: string;
  /** The object's. */
  readonly name: string;
  readonly selector: SelectorObject | null;
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The `MetricValueList` that a version of the API answers with (k8s.io/metrics, pkg/apis/custom_metrics). */
export function metricValueList(version: Version, values: readonly MetricValue[]): object {
  const itemOf = version === 'v1beta2' ? itemOfBeta2 : itemOfBeta1;
  return { kind: 'MetricValueList', apiVersion: `${GROUP}/${version}`, metadata: {}, items: values.map(itemOf) };
}

/** The window is zero in both: the numbers are no means over time. */
function itemOfBeta2(value: MetricValue): object {
  return {
    describedObject: describedObject(value),
    metric: { name: value.served.metric, selector: value.selector },
    timestamp: timestamp(value.at),
    windowSeconds: 0,
    value: quantity(value.value),
  };
}

function itemOfBeta1(value: MetricValue): object {
  return {
    describedObject: describedObject(value),
    metricName: value.served.metric,
    timestamp: timestamp(value.at),
    window: 0,
    value: quantity(value.value),
    selector: value.selector,
  };
}

function describedObject({ served, namespace, name }: MetricValue): object {
  return { kind: served.kind, namespace, name, apiVersion: served.apiVersion };
}

/** `metav1.Time` has whole seconds. */
function timestamp(at: number): string {
  return `${new Date(at).toISOString().slice(0, -'.000Z'.length)}Z`;
}
