import type { V1ObjectMeta } from '@kubernetes/client-node';
import type { Values } from '../src/values/schema.ts';

/** What `app.kubernetes.io/name` says of every fleet. */
export const APPLICATION = 'mcp-server';

/** What `app.kubernetes.io/managed-by` says of everything that berth makes. */
export const MANAGED_BY = 'berth';

/** The labels that tell this fleet's pods from all others; a Deployment can never change them. */
export function selectorLabels(values: Pick<Values, 'name'>): Record<string, string> {
  return { 'app.kubernetes.io/name': APPLICATION, 'app.kubernetes.io/instance': values.name };
}

/** The labels of every object of the fleet. */
export function labels(values: Pick<Values, 'name' | 'image'>): Record<string, string> {
  const version = values.image.tag;
  return {
    ...selectorLabels(values),
    'app.kubernetes.io/managed-by': MANAGED_BY,
    ...(version !== undefined && isLabelValue(version) ? { 'app.kubernetes.io/version': version } : {}),
  };
}

/** A tag may be longer than a label's 63 characters, or end in a character that no label may end in. */
const isLabelValue = (text: string) => /^[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/.test(text);

/** The metadata of an object of the fleet. */
export function metadata(
  values: Pick<Values, 'name' | 'namespace' | 'image'>,
  name: string = values.name,
  annotations: Readonly<Record<string, string>> = {},
): V1ObjectMeta & { name: string } {
  return {
    name,
    ...(values.namespace === undefined ? {} : { namespace: values.namespace }),
    labels: labels(values),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations: { ...annotations } }),
  };
}

/** The headless Service that lists every pod of the fleet, Ready or not. */
export function peerServiceName(values: Pick<Values, 'name'>): string {
  return `${values.name}-peers`;
}

/** The ServiceAccount that the pods run as. */
export function serviceAccountName(values: Pick<Values, 'name' | 'serviceAccount'>): string {
  return values.serviceAccount.name ?? (values.serviceAccount.create ? values.name : 'default');
}
