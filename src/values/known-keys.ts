import { z } from 'zod';
import { valuesSchema } from './schema.ts';

/** The keys that the map at a dotted path may have; none where the path leads elsewhere. */
export function knownKeys(path: string): readonly string[] {
  const field = path === '' ? valuesSchema : path.split('.').reduce<z.ZodType | undefined>(step, valuesSchema);
  const map = field === undefined ? undefined : unwrap(field);
  return map instanceof z.ZodObject ? Object.keys(map.shape) : [];
}

function step(field: z.ZodType | undefined, key: string): z.ZodType | undefined {
  const map = field === undefined ? undefined : unwrap(field);
  return map instanceof z.ZodObject ? (map.shape[key] as z.ZodType | undefined) : undefined;
}

function unwrap(field: z.ZodType): z.ZodType {
  const wrapped = field instanceof z.ZodOptional || field instanceof z.ZodDefault || field instanceof z.ZodPrefault;
  return wrapped ? unwrap(field.unwrap() as z.ZodType) : field;
}
