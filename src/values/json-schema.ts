import { z } from 'zod';
import { valuesSchema } from './schema.ts';

/** The JSON Schema of a values file, for editors and for CI. */
export function valuesJsonSchema(): object {
  const schema = z.toJSONSchema(valuesSchema, { io: 'input', reused: 'inline' });
  return { ...schema, title: 'Values of a berth fleet' };
}

/** The committed text of values.schema.json. */
export function valuesJsonSchemaText(): string {
  return `${JSON.stringify(valuesJsonSchema(), null, 2)}\n`;
}
