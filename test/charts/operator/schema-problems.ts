import { isTree, type Tree } from '../../../src/values/tree.ts';

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isTree,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: Number.isInteger,
};

/** What an API server with strict field validation would say of a value, its CEL rules aside. */
export function schemaProblems(schema: Tree, value: unknown, path = ''): string[] {
  const type = String(schema['type'] ?? (typeof value === 'number' ? 'integer' : 'string'));
  if (TYPES[type]?.(value) !== true) return [`${path} is no ${type}`];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => schemaProblems(schema['items'] as Tree, item, `${path}.${index}`));
  }
  if (isTree(value)) return mapProblems(schema, value, path);
  const wrong = Object.entries(BOUNDS).filter(([key, holds]) => key in schema && !holds(schema[key], value));
  return wrong.map(([key]) => `${path} is against ${key}`);
}

function mapProblems(schema: Tree, value: Tree, path: string): string[] {
  const { properties, additionalProperties, required = [] } = schema;
  // A resource's own metadata has a schema that every API server knows.
  if (path === 'metadata' || schema['x-kubernetes-preserve-unknown-fields'] === true) return [];
  const at = (key: string) => (path === '' ? key : `${path}.${key}`);
  const missing = (required as string[]).filter((key) => !(key in value)).map((key) => `${at(key)} is missing`);
  const problems = Object.entries(value).flatMap(([key, child]) => {
    const inner = isTree(properties) ? properties[key] : additionalProperties;
    return isTree(inner) ? schemaProblems(inner, child, at(key)) : [`${at(key)} is not known`];
  });
  return [...missing, ...problems];
}

const BOUNDS: Readonly<Record<string, (bound: unknown, value: unknown) => boolean>> = {
  enum: (choices, value) => (choices as unknown[]).includes(value),
  pattern: (pattern, value) => typeof value !== 'string' || new RegExp(String(pattern)).test(value),
  minimum: (least, value) => typeof value !== 'number' || value >= Number(least),
  maximum: (most, value) => typeof value !== 'number' || value <= Number(most),
  minLength: (least, value) => String(value).length >= Number(least),
  maxLength: (most, value) => String(value).length <= Number(most),
};
