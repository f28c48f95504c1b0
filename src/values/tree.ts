/** A map as YAML and JSON have it, before it is known to be valid values. */
export type Tree = { [key: string]: unknown };

/** Whether a value is a map, and neither a list nor a scalar. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a map holds under a key, and nothing of what every JavaScript object inherits, such as `valueOf`. */
export function own(map: Tree, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether a key would reach into JavaScript's own machinery when it is assigned. */
export function isReserved(key: string): boolean {
  return RESERVED.has(key);
}

/** The path of the first reserved key anywhere in a value, or `undefined` when there is none. */
export function findReserved(value: unknown, path = ''): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const childPath = path === '' ? key : `${path}.${key}`;
    if (isReserved(key)) return childPath;
    const found = findReserved(child, childPath);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A deep copy in which no key of a map holds null: in values, null means "as if it were not given". */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, child]) => (child === null ? [] : [[key, withoutNulls(child)]])),
  );
}
