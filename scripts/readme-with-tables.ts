import { z } from 'zod';
import { flagName, serveConfigSchema } from '../src/config/serve-config.ts';
import { valuesJsonSchema } from '../src/values/json-schema.ts';

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly description?: string;
  readonly default?: unknown;
}

/** The README with its tables made of the schemas, so that they say what is so. */
export function readmeWithTables(readme: string): string {
  return replaceBetween(replaceBetween(readme, 'flags', flagTable()), 'values', valuesTable());
}

function replaceBetween(text: string, name: string, table: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`README.md has no ${begin} … ${end}.`);
  return `${text.slice(0, from + begin.length)}\n${table}\n${text.slice(to)}`;
}

function flagTable(): string {
  const { properties = {} } = z.toJSONSchema(serveConfigSchema, { io: 'input' }) as JsonSchema;
  const rows = Object.entries(properties).map(
    ([key, schema]) => `| \`${flagName(key)}\` | ${shown(schema.default)} | ${schema.description ?? ''} |`,
  );
  return ['| flag | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

function valuesTable(): string {
  const rows = leaves(valuesJsonSchema() as JsonSchema).map(
    ([path, schema]) => `| \`${path}\` | ${shown(schema.default)} | ${schema.description ?? ''} |`,
  );
  return ['| value | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

function leaves(schema: JsonSchema, path = ''): [string, JsonSchema][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) => {
    const name = path === '' ? key : `${path}.${key}`;
    return child.properties === undefined ? [[name, child]] : leaves(child, name);
  });
}

function shown(value: unknown): string {
  if (value === undefined || JSON.stringify(value) === '[]' || JSON.stringify(value) === '{}') return '';
  return Array.isArray(value)
    ? `\`${value.join(',')}\``
    : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}
