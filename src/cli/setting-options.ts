import { Option } from 'commander';
import { z } from 'zod';
import { flagName } from '../config/serve-config.ts';

/** An option for each setting of a schema, with its description and default. */
export function settingOptions(schema: z.ZodObject): Option[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' });
  return Object.keys(schema.shape).map((key) => {
    const property = properties[key] as z.core.JSONSchema.BaseSchema;
    const { type, default: fallback, description = '' } = property;
    const value = placeholder(property);
    const shown =
      fallback === undefined || (Array.isArray(fallback) && fallback.length === 0) ? '' : ` (default: ${fallback})`;
    return new Option(type === 'boolean' ? flagName(key) : `${flagName(key)} <${value}>`, description + shown);
  });
}

function placeholder({ type, enum: choices, const: word, anyOf }: z.core.JSONSchema.BaseSchema): string {
  if (anyOf !== undefined) return anyOf.map(placeholder).join('|');
  return String(word ?? choices?.join('|') ?? (type === 'array' ? 'list' : type === 'integer' ? 'n' : 'value'));
}
