import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { UsageError } from '../config/problems.ts';
import { findReserved, isTree, type Tree } from './tree.ts';

/** Reads a file's text; `-` is standard input. */
export type ReadText = (path: string) => string;

/** Reads from the disk, or from standard input for `-`; a file that cannot be read is a usage error. */
export function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason =
      code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a directory' : `cannot be read (${code})`;
    throw new UsageError([`${path} ${reason}.`]);
  }
}

// kubectl and Helm read 1:30 and 2001-01-01 as strings; the full YAML 1.1 would make a number and a date of them.
const isPlainData = (tag: { readonly format?: string; readonly tag: string }) =>
  tag.format !== 'TIME' && !/:(?:timestamp|binary|set|omap|pairs)$/.test(tag.tag);

/** Parses one values file: YAML 1.1 as kubectl and Helm read it, one map per file. */
export function parseValuesFile(text: string, name: string): Tree {
  const documents = parseAllDocuments(text, {
    version: '1.1',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || isPlainData(tag)),
  });
  const [document, second] = documents;
  if (document === undefined) return {};
  const error = document.errors[0] ?? second?.errors[0];
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    throw new UsageError([`${name}${line === undefined ? '' : `:${line}`} is not YAML: ${firstLine(error.message)}`]);
  }
  if (second !== undefined) throw new UsageError([`${name} must be one YAML document. Got ${documents.length}.`]);
  const value = toPlain(() => document.toJS(), name);
  if (value === null || value === undefined) return {};
  if (!isTree(value)) {
    throw new UsageError([`${name}:1 must be a map of values. Got ${Array.isArray(value) ? 'a list' : typeof value}.`]);
  }
  const reserved = findReserved(value);
  if (reserved !== undefined) throw new UsageError([`${name}: ${reserved} is not a name that values may have.`]);
  return value;
}

function toPlain(convert: () => unknown, name: string): unknown {
  try {
    // Through JSON, so that an alias becomes a copy, and one that contains itself is an error here and not later.
    return JSON.parse(JSON.stringify(convert()) ?? 'null');
  } catch (error) {
    throw new UsageError([`${name} is not usable YAML: ${firstLine((error as Error).message)}`]);
  }
}

const firstLine = (text: string) => (text.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
