import { type ReadText, readText } from './files.ts';
import { collectTree, type ValueSources } from './overrides.ts';
import type { Values } from './schema.ts';
import { validateValues } from './validate.ts';

/** Reads, merges and validates values; throws a `UsageError` with every problem that was found. */
export function loadValues(sources: ValueSources, read: ReadText = readText): Values {
  return validateValues(collectTree(sources, read));
}
