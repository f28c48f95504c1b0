import { expect, test } from 'vitest';
import { z } from 'zod';
import { structuralSchema } from '../../../charts/operator/structural-schema.ts';
import type { Tree } from '../../../src/values/tree.ts';

const structural = (schema: z.ZodType) => structuralSchema(z.toJSONSchema(schema, { io: 'input' }) as Tree);

test.each<[string, z.ZodType, Tree]>([
  [
    'a strict map is one whose other keys are dropped',
    z.strictObject({ a: z.string().optional() }),
    { type: 'object', properties: { a: { type: 'string' } } },
  ],
  [
    'a default is told',
    z.enum(['a', 'b']).default('a').describe('which'),
    { description: 'which; a if not set', type: 'string', enum: ['a', 'b'] },
  ],
  [
    'an empty default is not',
    z.array(z.string()).default([]).describe('which'),
    {
      description: 'which',
      type: 'array',
      items: { type: 'string' },
    },
  ],
  [
    'a map of anything keeps what it holds',
    z.record(z.string(), z.unknown()),
    { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  ],
  [
    'a map of text takes any key',
    z.record(z.string().regex(/^a/), z.string()),
    { type: 'object', additionalProperties: { type: 'string' } },
  ],
  [
    'an integer or text is Kubernetes’ own union',
    z.union([z.int().min(0).max(9), z.string().regex(/^\d%$/)]),
    { 'x-kubernetes-int-or-string': true, minimum: 0, maximum: 9, pattern: '^\\d%$' },
  ],
])('%s', (_, schema, expected) => {
  expect(structural(schema)).toEqual(expected);
});

test.each([
  ['a union of other types', z.union([z.boolean(), z.string()]), 'one type for each key, not boolean,string'],
  ['a union of maps', z.union([z.strictObject({}), z.string()]), 'no union of object and string'],
  ['what may be anything', z.unknown(), 'one type for each key, not undefined'],
  ['a bound that the API server would refuse', z.number().positive(), 'no word for exclusiveMinimum'],
  ['an intersection', z.intersection(z.string(), z.string()), 'no word for allOf'],
])('%s is an error here, and not first when it is applied', (_, schema, message) => {
  expect(() => structural(schema)).toThrow(message);
});
