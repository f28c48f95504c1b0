import { UsageError } from '../../src/config/problems.ts';
import { isTree, type Tree } from '../../src/values/tree.ts';

/** Keys of a values file that the spec of a custom resource does not have, and why. */
export const NOT_IN_RESOURCES: ReadonlyMap<string, string> = new Map([
  ['name', 'is not for the spec: the fleet has the name of its resource.'],
  ['namespace', 'is not for the spec: the fleet is in the namespace of its resource.'],
  ['workers', 'is not for the spec: there the number has one name. Give replicas.'],
  ['extraObjects', 'is not for the spec: the operator keeps a fleet and nothing else. Apply them beside the resource.'],
]);

/** As much of a custom resource as describes a fleet. */
export interface FleetResource {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: unknown;
}

/**
 * The values that a custom resource stands for, as a tree for `validateValues`. Throws a `UsageError` with every key
 * that only values files have.
 */
export function valuesOf({ metadata, spec }: FleetResource): Tree {
  const given = isTree(spec) ? spec : {};
  const problems = [...NOT_IN_RESOURCES].flatMap(([key, reason]) => (key in given ? [`${key} ${reason}`] : []));
  if (problems.length > 0) throw new UsageError(problems);
  const { name, namespace } = metadata;
  return { ...given, name, ...(namespace === undefined ? {} : { namespace }) };
}
