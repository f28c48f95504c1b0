import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { valuesJsonSchema, valuesJsonSchemaText } from '../../src/values/json-schema.ts';

test('the committed values.schema.json is what the schema says now', () => {
  expect(readFileSync('values.schema.json', 'utf8')).toBe(valuesJsonSchemaText());
});

test('every key says what it is for, and no map takes keys that it does not know', () => {
  const visit = (node: unknown, path: string): void => {
    const { properties, additionalProperties, description } = node as Record<string, unknown>;
    if (path !== '') expect(description, path).toBeTypeOf('string');
    if (properties === undefined) return;
    expect(additionalProperties, path).toBe(false);
    for (const [key, child] of Object.entries(properties as object)) visit(child, path === '' ? key : `${path}.${key}`);
  };
  visit(valuesJsonSchema(), '');
});

test('defaults are written as a person would write them, and only name and image are required', () => {
  expect(valuesJsonSchema()).toMatchObject({
    required: ['name', 'image'],
    properties: { server: { properties: { drainDelay: { default: '5s' }, maxBody: { default: '4MiB' } } } },
  });
});
