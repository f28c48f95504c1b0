import type { Kind } from './kinds.ts';

/** One object, by kind, namespace and name. */
export interface Ref {
  readonly kind: Kind;
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Which objects of a kind are meant; without a namespace those of all. */
export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The path of a kind's collection: of one namespace, or of the whole cluster. */
export function collectionPath({ apiVersion, plural, namespaced }: Kind, namespace?: string): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${group}${place}/${plural}`;
}

/** The path of one object, or of a subresource of it. */
export function objectPath({ kind, namespace, name }: Ref, subresource?: string): string {
  if (name === '') throw new TypeError(`A ${kind.kind} needs a name to be asked for. Got none.`);
  const end = subresource === undefined ? '' : `/${subresource}`;
  return `${collectionPath(kind, requiredNamespace(kind, namespace, name))}/${encodeURIComponent(name)}${end}`;
}

/** The namespace of an object that is in one; asking for one without would ask for another resource. */
export function requiredNamespace(kind: Kind, namespace: string | undefined, name: string): string | undefined {
  if (kind.namespaced && !namespace) throw new TypeError(`${kind.kind} ${name} needs a namespace. Got none.`);
  return namespace;
}

/** A path with those parameters that have a value. */
export function withQuery(path: string, query: Query): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') pairs.set(name, String(value));
  }
  return pairs.size === 0 ? path : `${path}?${pairs}`;
}
