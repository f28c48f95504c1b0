import { isTree, own, type Tree } from './tree.ts';

/** Lays one tree over another as Helm does: maps merge, null deletes, anything else replaces. Neither is changed. */
export function merge(base: Tree, over: Tree): Tree {
  const merged: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === null) delete merged[key];
    else if (isTree(value)) {
      const below = own(merged, key);
      merged[key] = merge(isTree(below) ? below : {}, value);
    } else merged[key] = value;
  }
  return merged;
}
