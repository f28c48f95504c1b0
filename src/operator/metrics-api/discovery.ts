import { GROUP, SERVED_METRICS, VERSIONS, type Version } from './served-metrics.ts';

const versions = VERSIONS.map((version) => ({ groupVersion: `${GROUP}/${version}`, version }));
const group = { name: GROUP, versions, preferredVersion: versions[0] };

/** `/apis`. The aggregator asks there for another form first, and takes this one for a server that does not have it. */
export const apiGroupList: object = { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] };

/** `/apis/<group>`. */
export const apiGroup: object = { kind: 'APIGroup', apiVersion: 'v1', ...group };

/** `/apis/<group>/<version>`. Only `get`: what can be listed, the namespace controller would want to list and delete. */
export function apiResourceList(version: Version): object {
  const resources = SERVED_METRICS.map(({ resource, metric }) => ({
    name: `${resource}/${metric}`,
    singularName: '',
    namespaced: true,
    kind: 'MetricValueList',
    verbs: ['get'],
  }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${GROUP}/${version}`, resources };
}
