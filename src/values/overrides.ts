import { UsageError } from '../config/problems.ts';
import { parseValuesFile, type ReadText, readText } from './files.ts';
import { merge } from './merge.ts';
import { applySet, type SetMode, typedValue } from './set.ts';
import { findReserved, isTree, type Tree } from './tree.ts';

/** Where values come from; each list in the order of the command line. */
export interface ValueSources {
  readonly files?: readonly string[];
  readonly setJson?: readonly string[];
  readonly set?: readonly string[];
  readonly setString?: readonly string[];
  readonly setFile?: readonly string[];
}

/** One tree of all sources in Helm's order: -f, --set-json, --set, --set-string, --set-file; later wins. */
export function collectTree(sources: ValueSources, read: ReadText = readText): Tree {
  const problems: string[] = [];
  const attempt = (step: () => void) => {
    try {
      step();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(...error.problems);
    }
  };
  let tree: Tree = {};
  for (const file of sources.files ?? []) {
    attempt(() => {
      tree = merge(tree, parseValuesFile(read(file), file));
    });
  }
  // What follows changes the tree in place, and a merge shares what it did not have to change.
  tree = structuredClone(tree);
  for (const json of sources.setJson ?? []) {
    attempt(() => {
      if (json.trimStart().startsWith('{')) tree = merge(tree, wholeObject(json));
      else applySet(tree, json, { kind: 'json' }, '--set-json');
    });
  }
  const setAll = (flag: string, assignments: readonly string[] | undefined, mode: SetMode) => {
    for (const assignment of assignments ?? []) attempt(() => applySet(tree, assignment, mode, flag));
  };
  setAll('--set', sources.set, { kind: 'text', read: typedValue });
  setAll('--set-string', sources.setString, { kind: 'text', read: (text) => text });
  setAll('--set-file', sources.setFile, { kind: 'text', read: (path) => read(path) });
  if (problems.length > 0) throw new UsageError(problems);
  return tree;
}

function wholeObject(json: string): Tree {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new UsageError([`--set-json ${json}: is not JSON: ${(error as Error).message}.`]);
  }
  const reserved = findReserved(value);
  if (reserved !== undefined) throw new UsageError([`--set-json: ${reserved} is not a name that values may have.`]);
  return isTree(value) ? value : {};
}
