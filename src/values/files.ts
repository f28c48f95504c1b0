import { readFileSync } from 'node:fs';
import { isScalar, parseAllDocuments } from 'yaml';
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
  const all = parseAllDocuments(text, {
    version: '1.1',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || isPlainData(tag)),
  });
  // A line of --- at the end, or two of them at the beginning, begin a document in which there is nothing.
  const documents = all.filter(({ contents, errors }) => errors.length > 0 || !isNothing(contents));
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

const isNothing = (contents: unknown) => contents === null || (isScalar(contents) && contents.value === null);

/** The path of the first number that JSON has no way to write, or that was rounded when it was read. */
function findInexact(value: unknown, path = ''): string | undefined {
  if (typeof value === 'number') {
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? undefined : path;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const found = findInexact(child, path === '' ? key : `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function toPlain(convert: () => unknown, name: string): unknown {
  try {
    // Through JSON, so that an alias becomes a copy, and one that contains itself is an error here and not later.
    const value = convert();
    const json = JSON.stringify(value) ?? 'null';
    const path = findInexact(value);
    if (path !== undefined) throw new UsageError([`${name}: ${path} is a number that would be changed. Quote it.`]);
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError([`${name} is not usable YAML: ${firstLine((error as Error).message)}`]);
  }
}

const firstLine = (text: string) => (text.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
