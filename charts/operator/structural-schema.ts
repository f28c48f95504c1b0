import { isTree, type Tree } from '../../src/values/tree.ts';

/**
 * A JSON Schema as an API server takes it in a custom resource definition: every node has a type, unknown keys are
 * dropped and not refused, and a default is only told, so that an object never holds more than its author wrote.
 */
export function structuralSchema(schema: Tree): Tree {
  const { description, default: fallback } = schema;
  return { ...told(description, fallback), ...shape(schema) };
}

function told(description: unknown, fallback: unknown): Tree {
  if (typeof description !== 'string') return {};
  const isPlain = ['string', 'number', 'boolean'].includes(typeof fallback);
  return { description: isPlain ? `${description}; ${fallback} if not set` : description };
}

/** Keywords that mean the same in both kinds of schema. */
const SHARED = [
  ...['type', 'required', 'enum', 'pattern'],
  ...['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems'],
];
/** Keywords that are dealt with here, or that say nothing that the API server would check. */
const KNOWN = [
  ...SHARED,
  ...['description', 'default', '$schema', 'title', 'properties', 'items', 'anyOf', 'additionalProperties'],
  'propertyNames',
];

function shape(schema: Tree): Tree {
  const unknown = Object.keys(schema).filter((key) => !KNOWN.includes(key));
  if (unknown.length > 0) throw new Error(`A structural schema has no word for ${unknown.join(', ')}`);
  const { anyOf, type, properties, items, additionalProperties } = schema;
  if (Array.isArray(anyOf)) return integerOrText(anyOf);
  if (typeof type !== 'string') throw new Error(`A structural schema has one type for each key, not ${type}`);
  const shared = Object.fromEntries(SHARED.flatMap((key) => (key in schema ? [[key, schema[key]]] : [])));
  if (isTree(properties)) {
    const entries = Object.entries(properties).map(([key, child]) => [key, structuralSchema(child as Tree)]);
    return { ...shared, properties: Object.fromEntries(entries) };
  }
  if (isTree(items)) return { ...shared, items: structuralSchema(items) };
  if (!isTree(additionalProperties)) return shared;
  const takesAnything = Object.keys(additionalProperties).length === 0;
  return takesAnything
    ? { ...shared, 'x-kubernetes-preserve-unknown-fields': true }
    : { ...shared, additionalProperties: structuralSchema(additionalProperties) };
}

/** The one union that Kubernetes knows. Bounds of the integer hold for integers only, a pattern for text only. */
function integerOrText(choices: readonly unknown[]): Tree {
  const merged: Tree = Object.assign({}, ...choices);
  const types = choices.map((choice) => (isTree(choice) ? choice['type'] : undefined)).sort();
  if (types.join() !== 'integer,string') throw new Error(`A structural schema has no union of ${types.join(' and ')}`);
  const { type: _, ...bounds } = merged;
  return { 'x-kubernetes-int-or-string': true, ...bounds };
}
