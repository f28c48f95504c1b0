/** Adds records of one shape, field by field and level by level; of booleans the sum is whether any is true. */
export function sum<T extends object>(records: readonly T[]): T | undefined {
  const [first] = records;
  if (first === undefined) return undefined;
  const entries = Object.entries(first).map(([key, value]) => {
    const values = records.map((record) => (record as Readonly<Record<string, unknown>>)[key]);
    if (typeof value === 'number') return [key, (values as number[]).reduce((total, next) => total + next, 0)];
    return [key, typeof value === 'boolean' ? values.includes(true) : sum(values as object[])];
  });
  return Object.fromEntries(entries) as T;
}
