import { Option } from 'commander';
import { z } from 'zod';
import { flagName } from '../config/serve-config.ts';

/** An option for each setting of a schema, with its description and default. */
export function settingOptions(schema: z.ZodObject): Option[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' });
  return Object.keys(schema.shape).map((key) => {
    const {
      type,
      enum: choices,
      default: fallback,
      description = '',
    } = properties[key] as z.core.JSONSchema.BaseSchema;
    const value = choices?.join('|') ?? (type === 'array' ? 'list' : type === 'integer' ? 'n' : 'value');
    const shown =
      fallback === undefined || (Array.isArray(fallback) && fallback.length === 0) ? '' : ` (default: ${fallback})`;
    return new Option(type === 'boolean' ? flagName(key) : `${flagName(key)} <${value}>`, description + shown);
  });
}
