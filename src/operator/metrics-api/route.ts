import { apiGroup, apiGroupList, apiResourceList } from './discovery.ts';
import { GROUP, SERVED_METRICS, type ServedMetric, VERSIONS, type Version } from './served-metrics.ts';
import { metricNotFound, notFound, type StatusError } from './status.ts';

/** A question for a metric of objects in a namespace. */
export interface MetricPath {
  readonly version: Version;
  readonly namespace: string;
  readonly served: ServedMetric;
  /** `*` for all. */
  readonly name: string;
}

/** What a path leads to. */
export type Route =
  | { readonly to: 'probe'; readonly name: Probe }
  | { readonly to: 'discovery'; readonly document: object }
  | { readonly to: 'metric'; readonly path: MetricPath }
  | { readonly to: 'nothing'; readonly error: StatusError };

const PROBES = ['healthz', 'livez', 'readyz'] as const;
export type Probe = (typeof PROBES)[number];

/** Finds out what a path, decoded and cut at its slashes, leads to. */
export function routeOf(segments: readonly string[]): Route {
  const [first, group, version, ...rest] = segments;
  if (segments.length === 1 && isOneOf(PROBES, first)) return { to: 'probe', name: first };
  if (first !== 'apis') return nothing;
  if (group === undefined) return { to: 'discovery', document: apiGroupList };
  if (group !== GROUP) return nothing;
  if (version === undefined) return { to: 'discovery', document: apiGroup };
  if (!isOneOf(VERSIONS, version)) return nothing;
  return rest.length === 0 ? { to: 'discovery', document: apiResourceList(version) } : metricRoute(version, rest);
}

const nothing: Route = { to: 'nothing', error: notFound() };

/**
 * `namespaces/<ns>/<resource>/<name>/<metric>`. The other two forms there are, about a namespace itself and about
 * objects that are in none, have no metrics here.
 */
function metricRoute(version: Version, rest: readonly string[]): Route {
  if (rest[0] !== 'namespaces') {
    const [resource = '', name = '', metric = ''] = rest;
    return rest.length === 3 ? noMetric(metric, resource, name) : nothing;
  }
  const [, namespace = '', resource = '', name = '', metric = ''] = rest;
  if (rest.length === 4 && resource === 'metrics') return noMetric(name, 'namespaces', namespace);
  if (rest.length !== 5) return nothing;
  const served = SERVED_METRICS.find((known) => known.resource === resource && known.metric === metric);
  if (served === undefined) return noMetric(metric, resource, name);
  return { to: 'metric', path: { version, namespace, served, name } };
}

function noMetric(metric: string, resource: string, name: string): Route {
  return { to: 'nothing', error: metricNotFound({ metric, resource, name: name === '*' ? undefined : name }) };
}

function isOneOf<T extends string>(known: readonly T[], text: string | undefined): text is T {
  return (known as readonly (string | undefined)[]).includes(text);
}
