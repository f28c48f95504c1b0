/**
 * Whether one resource version is later than another of the same kind. Kubernetes promises since 1.35 that they are
 * decimal numbers that may be compared; all that came before wrote etcd's revisions, which are.
 */
export function isLater(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
