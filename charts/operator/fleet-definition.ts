import { NAME_PATTERN } from '../../src/values/fragments.ts';
import { valuesJsonSchema } from '../../src/values/json-schema.ts';
import { LONGEST_NAME } from '../../src/values/schema.ts';
import { isTree, type Tree } from '../../src/values/tree.ts';
import type { KubernetesObject } from '../kubernetes-object.ts';
import { quoted, sentence } from './cel.ts';
import { FLEET_RESOURCE, OPERATOR_LABELS } from './names.ts';
import { type SpecRule, specRules } from './spec-rules.ts';
import { statusSchema } from './status-schema.ts';
import { structuralSchema } from './structural-schema.ts';
import { NOT_IN_RESOURCES } from './values-of.ts';

/** client-node's own type renames what JSON Schema calls `default`, `enum` and `x-kubernetes-…`. */
interface CustomResourceDefinition extends KubernetesObject {
  readonly spec: Tree;
}

/** What the custom resource says otherwise than a values file, by path. */
const IN_RESOURCES: Readonly<Record<string, Tree>> = {
  // A number that is not there must not be written into a fleet that something else has grown.
  replicas: { description: 'pods to run; if not set one at first, and then as many as somebody else asks for' },
  // The rules read these, and an API server takes no rule whose cost has no bound.
  'image.repository': { maxLength: 512 },
  'server.commandImage.repository': { maxLength: 512 },
  'sidecar.image.repository': { maxLength: 512 },
  'server.drainDelay': { maxLength: 32 },
  'server.drainWindow': { maxLength: 32 },
  'server.longestCall': { maxLength: 32 },
  'server.sessionStore': { maxLength: 1024 },
};

/** The definition of the custom resource: its spec is the values of a fleet, with the same rules. */
export function fleetDefinition(): CustomResourceDefinition {
  const { group, version, kind, plural, singular, shortName } = FLEET_RESOURCE;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { ...OPERATOR_LABELS } },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames: [shortName] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: resourceSchema() },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          additionalPrinterColumns: columns,
        },
      ],
    },
  };
}

const columns: readonly Tree[] = [
  { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
  { name: 'Replicas', type: 'integer', jsonPath: '.status.replicas' },
  { name: 'Connections', type: 'integer', jsonPath: '.status.connections' },
  { name: 'Capacity', type: 'integer', jsonPath: '.status.capacity' },
  // `kubectl get -o wide` only.
  { name: 'Available', type: 'string', jsonPath: '.status.conditions[?(@.type=="Available")].status', priority: 1 },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

function resourceSchema(): Tree {
  return {
    description: 'A fleet of pods that serves MCP as one server.',
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: specSchema(),
      status: statusSchema,
    },
    'x-kubernetes-validations': [
      {
        rule: `self.metadata.name.size() <= ${LONGEST_NAME}`,
        message: `metadata.name must have at most ${LONGEST_NAME} characters.`,
      },
      {
        rule: `self.metadata.name.matches(${quoted(NAME_PATTERN.source)})`,
        message: 'metadata.name must be a DNS label: small letters, digits and -, a letter first.',
      },
    ],
  };
}

function specSchema(): Tree {
  const { properties, required, ...rest } = valuesJsonSchema() as { properties: Tree; required: readonly string[] };
  const kept = Object.entries(properties).filter(([key]) => !NOT_IN_RESOURCES.has(key));
  const spec = structuralSchema({
    ...rest,
    required: required.filter((key) => !NOT_IN_RESOURCES.has(key)),
    properties: Object.fromEntries(kept),
  });
  for (const [path, changes] of Object.entries(IN_RESOURCES)) Object.assign(at(spec, path.split('.')), changes);
  return { description: 'what the fleet should be', ...spec, 'x-kubernetes-validations': specRules.map(validation) };
}

function at(schema: Tree, [key, ...rest]: readonly string[]): Tree {
  if (key === undefined) return schema;
  const child = isTree(schema['properties']) ? schema['properties'][key] : undefined;
  if (!isTree(child)) throw new Error(`The spec of ${FLEET_RESOURCE.kind} has no key ${key}`);
  return at(child, rest);
}

function validation({ path, rule, message }: SpecRule): Tree {
  const said = message.includes('{') ? { messageExpression: sentence(message) } : { message };
  return { rule, fieldPath: `.${path}`, ...said };
}
