import { describe, expect, test } from 'vitest';
import { fleetDefinition } from '../../../charts/operator/fleet-definition.ts';
import { specRules } from '../../../charts/operator/spec-rules.ts';
import { valuesOf } from '../../../charts/operator/values-of.ts';
import { render } from '../../../charts/render.ts';
import { UsageError } from '../../../src/config/problems.ts';
import type { Tree } from '../../../src/values/tree.ts';
import { validateValues } from '../../../src/values/validate.ts';
import type { Found } from '../rendered.ts';
import { acceptedSpecs, refusedSpecs } from './refused-specs.ts';
import { schemaProblems } from './schema-problems.ts';

const resource = (spec: Tree) => ({
  apiVersion: 'berth.dev/v1alpha1',
  kind: 'MCPFleet',
  metadata: { name: 'notes', namespace: 'mcp' },
  spec,
});
const schema: Tree = (fleetDefinition() as Found).spec.versions[0].schema.openAPIV3Schema;

/** Whether a rule's sentence, whose numbers are not known yet, can be this one. */
const says = (message: string, sentence: string) => {
  const parts = message.split(/\{.*?\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`).test(sentence);
};

// That an API server says the same is seen on a real cluster, with the same specs.
describe('what a rule refuses, the operator’s own validation would refuse with the same sentence', () => {
  test.each(refusedSpecs)('%s %s', (path, sentence, spec) => {
    expect(specRules.filter((rule) => rule.path === path && says(rule.message, sentence))).toHaveLength(1);
    expect(schemaProblems(schema, resource(spec))).toEqual([]);
    const failure = (() => {
      try {
        return validateValues(valuesOf(resource(spec)));
      } catch (error) {
        return error;
      }
    })();
    expect(failure).toBeInstanceOf(UsageError);
    expect((failure as UsageError).problems.map((problem) => problem.replace(/ Got ".*"\.$/, ''))).toEqual([
      `${path} ${sentence}`,
    ]);
  });
});

test('there is a refused spec for every rule', () => {
  const unseen = specRules.filter(
    ({ path, message }) => !refusedSpecs.some(([of, sentence]) => of === path && says(message, sentence)),
  );
  expect(unseen.map(({ path, message }) => `${path} ${message}`)).toEqual([]);
});

test.each(acceptedSpecs.map((spec) => [JSON.stringify(spec), spec] as const))('%s is a fleet', (_, spec) => {
  expect(schemaProblems(schema, resource(spec))).toEqual([]);
  const objects = render(validateValues(valuesOf(resource(spec))), { describedBy: 'MCPFleet' });
  expect(objects.map(({ metadata }) => metadata.namespace)).toEqual(objects.map(() => 'mcp'));
});
