import { z } from 'zod';
import { valuesSchema } from './schema.ts';

/** The JSON Schema of a values file, for editors and for CI. */
export function valuesJsonSchema(): object {
  const schema = z.toJSONSchema(valuesSchema, {
    io: 'input',
    reused: 'inline',
    override({ zodSchema, jsonSchema }) {
      // Zod leaves out the defaults of what it transforms, and writes JavaScript's bound on every other integer.
      const fallback = z.globalRegistry.get(zodSchema)?.default;
      if (fallback !== undefined) Object.assign(jsonSchema, { default: fallback });
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { ...schema, title: 'Values of a berth fleet' };
}

/** The committed text of values.schema.json. */
export function valuesJsonSchemaText(): string {
  return `${JSON.stringify(valuesJsonSchema(), null, 2)}\n`;
}
