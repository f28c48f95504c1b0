import type { z } from 'zod';

/** One thing that is wrong with the input: where, and a sentence that says what was found and what is allowed. */
export interface Problem {
  /** The path in dots, such as `server.maxConnections`; empty for the whole input. */
  readonly path: string;
  /** Completes a sentence that begins with the name: `must be at least 1. Got -3.` */
  readonly message: string;
}

/** Bad input from the person who runs a command; `problems` are all that were found, each a full sentence. */
export class UsageError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'UsageError';
    this.problems = problems;
  }
}

/** Puts zod's issues into plain words; `suggest` names the near key of an unknown one. */
export function problemsOf(
  error: z.ZodError,
  input: unknown,
  knownKeys: (path: string) => readonly string[],
): Problem[] {
  return error.issues.flatMap((issue) => explain(issue, issue.path, input, knownKeys));
}

function explain(
  issue: z.core.$ZodIssue,
  path: readonly PropertyKey[],
  input: unknown,
  knownKeys: (path: string) => readonly string[],
): Problem[] {
  const dotted = path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: dotted === '' ? key : `${dotted}.${key}`,
      message: `is not known.${didYouMean(key, knownKeys(dotted))}`,
    }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const kinds = issue.errors.flat().filter(({ code, path }) => path.length === 0 && ofAnotherKind(code));
    if (kinds.length === issue.errors.flat().length) {
      const choices = [...new Set(kinds.map((kind) => rule(kind).replace(/^must be /, '')))].join(' or ');
      return [{ path: dotted, message: `must be ${choices}. Got ${print(valueAt(input, path))}.` }];
    }
    const deepest = issue.errors.reduce((best, next) => (depth(next) > depth(best) ? next : best));
    return deepest.flatMap((inner) => explain(inner, [...path, ...inner.path], input, knownKeys));
  }
  return [{ path: dotted, message: `${rule(issue)}. Got ${print(valueAt(input, path))}.` }];
}

const ofAnotherKind = (code: string) => code === 'invalid_type' || code === 'invalid_value';

const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(...issues.map((issue) => issue.path.length));

function rule(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${article(issue.expected)}`;
    case 'too_small':
      return `must ${measure(issue.origin)} at least ${issue.minimum}${unit(issue.origin)}`;
    case 'too_big':
      return `must ${measure(issue.origin)} at most ${issue.maximum}${unit(issue.origin)}`;
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    default:
      return issue.message;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  int: 'an integer',
  number: 'a number',
  string: 'a string',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};
const article = (type: string) => NAMES[type] ?? `a ${type}`;
const countable = (origin: string) => origin === 'string' || origin === 'array';
const measure = (origin: string) => (countable(origin) ? 'have' : 'be');
const unit = (origin: string) => (origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '');

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], input);
}

function print(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') {
    // A wrong address may hold a password, and what is printed here ends up in logs.
    const shown = value.replace(/:\/\/.*@/, '://…@');
    return `"${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}"`;
  }
  return JSON.stringify(value)?.slice(0, 120) ?? String(value);
}

/** ` Did you mean x?` for the nearest candidate, or nothing when none is near. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const scored = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  return best !== undefined && best.distance <= Math.max(2, word.length / 3) ? ` Did you mean ${best.candidate}?` : '';
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[b.length] as number;
}
