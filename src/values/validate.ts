import type { z } from 'zod';
import { type Problem, problemsOf, UsageError } from '../config/problems.ts';
import { autoscalingChecks } from './autoscaling-checks.ts';
import { fleetChecks } from './fleet-checks.ts';
import { knownKeys } from './known-keys.ts';
import { notAvailable, onlyFlags } from './not-available.ts';
import { objectChecks } from './object-checks.ts';
import { scalingChecks } from './scaling-checks.ts';
import { type Values, type ValuesInput, valuesSchema } from './schema.ts';
import { serverChecks } from './server-checks.ts';
import { sourceChecks } from './source-checks.ts';
import { isTree, type Tree, withoutNulls } from './tree.ts';

/** Validates a tree of values; throws one `UsageError` with every problem, each a sentence that begins with its path. */
export function validateValues(input: unknown): Values {
  const tree = withoutNulls(input);
  const result = valuesSchema.safeParse(tree);
  if (result.success) {
    const problems = crossProblems(result.data, []);
    if (problems.length === 0) return result.data;
    throw new UsageError(sentences(problems));
  }
  const problems = shapeProblems(result.error, tree);
  const rest = valuesSchema.safeParse(isTree(tree) ? repaired(tree, problems) : undefined);
  const cross = rest.success ? crossProblems(rest.data, problems) : [];
  throw new UsageError(sentences([...problems, ...cross]));
}

/** The same for values that are written in a program, where the compiler knows their keys. */
export function defineValues(input: ValuesInput): Values {
  return validateValues(input);
}

const sentences = (problems: readonly Problem[]) => [
  ...new Set(problems.map(({ path, message }) => `${path === '' ? 'The values' : path} ${message}`)),
];

function shapeProblems(error: z.ZodError, tree: unknown): readonly Problem[] {
  return problemsOf(error, tree, knownKeys).map(({ path, message }) => ({
    path,
    message: message.startsWith('is not known.')
      ? (notAvailable.get(path) ?? message)
      : message.startsWith('Invalid key in record')
        ? 'is not a key that a label may have.'
        : (onlyFlags.get(`${path} ${message}`) ??
          `${message}${/^must be a string\. Got [-\dtf]/.test(message) ? ' Quote it, or use --set-string.' : ''}`),
  }));
}

/** Rules over several keys, but for those that read a key which is wrong already. */
function crossProblems(values: Values, known: readonly Problem[]): readonly Problem[] {
  return [...serverChecks, ...sourceChecks, ...fleetChecks, ...scalingChecks, ...autoscalingChecks, ...objectChecks]
    .filter(({ reads }) => !reads.some((read) => known.some(({ path }) => overlaps(read, path))))
    .flatMap((check) => check.find(values));
}

const overlaps = (a: string, b: string) => a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);

/** The tree without what is wrong, so that the rules over several keys can look at the rest. */
function repaired(tree: Tree, problems: readonly Problem[]): Tree {
  const copy = structuredClone(tree);
  for (const { path } of problems) remove(copy, path.split('.'));
  const image = isTree(copy['image']) ? copy['image'] : {};
  return { ...copy, name: copy['name'] ?? 'name', image: { ...image, repository: image['repository'] ?? 'image' } };
}

function remove(node: unknown, path: readonly string[]): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  // A list as a whole: without one of its entries, the others would be counted wrongly.
  if (isTree(node) && (rest.length === 0 || Array.isArray(node[key]))) delete node[key];
  else if (isTree(node)) remove(node[key], rest);
}
