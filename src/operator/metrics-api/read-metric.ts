import { type MetricValue, metricValueList } from './answers.ts';
import { demandParameters } from './demand-parameters.ts';
import { type LabelSelector, parseLabelSelector, SelectorError } from './label-selector.ts';
import type { MetricsSource } from './metrics-source.ts';
import type { MetricPath } from './route.ts';
import { selectorObject } from './selector-object.ts';
import { badRequest, metricNotFound, serviceUnavailable } from './status.ts';

/** The answer to a question for a metric; throws a `StatusError` when there is none. */
export function readMetric(path: MetricPath, parameters: ReadonlyMap<string, string>, source: MetricsSource): object {
  if (parameters.get('fieldSelector')) throw badRequest('field selectors are not supported');
  const labels = selectorIn('labelSelector', parameters);
  const metricLabels = selectorIn('metricLabelSelector', parameters);
  const values =
    path.served.resource === 'pods'
      ? podValues(path, labels, metricLabels, source)
      : demand(path, metricLabels, source);
  const selector = selectorObject(metricLabels);
  const { served, namespace } = path;
  return metricValueList(
    path.version,
    values.map(({ name, value, at }) => ({ served, namespace, name, selector, value, at })),
  );
}

type Value = Pick<MetricValue, 'name' | 'value' | 'at'>;

function podValues(
  path: MetricPath,
  labels: LabelSelector,
  metricLabels: LabelSelector,
  source: MetricsSource,
): readonly Value[] {
  // The series has no labels of its own.
  if (!metricLabels.matches({})) throw noSeries(path, metricLabels);
  const found = source.pods(path.namespace, labels.matches, labels.toString());
  if ('unavailable' in found) throw serviceUnavailable(found.unavailable);
  if (path.name === '*') return found.values;
  const value = found.values.find(({ name }) => name === path.name);
  if (value === undefined) throw noSeries(path);
  return [value];
}

/** Exactly one, or the autoscaler refuses the answer. A label selector says nothing about a single object. */
function demand(path: MetricPath, metricLabels: LabelSelector, source: MetricsSource): readonly Value[] {
  const parameters = demandParameters(metricLabels);
  if (parameters === undefined) throw noSeries(path, metricLabels);
  const found = source.demand(path.namespace, path.name, parameters);
  if (found === undefined) throw noSeries(path);
  if ('unavailable' in found) throw serviceUnavailable(found.unavailable);
  return [{ name: path.name, ...found }];
}

function noSeries({ served: { metric, resource }, name }: MetricPath, selector?: LabelSelector): Error {
  return metricNotFound({ metric, resource, name, ...(selector && { selector: selector.toString() }) });
}

function selectorIn(parameter: string, parameters: ReadonlyMap<string, string>): LabelSelector {
  try {
    return parseLabelSelector(parameters.get(parameter) ?? '');
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    throw badRequest(`unable to parse ${parameter}: ${error.message}`);
  }
}
