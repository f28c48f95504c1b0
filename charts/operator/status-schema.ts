import type { Tree } from '../../src/values/tree.ts';

const count = (description: string): Tree => ({ description, type: 'integer', minimum: 0 });

/** What the operator says of a fleet; conditions are Kubernetes' own, one of each type. */
export const statusSchema: Tree = {
  description: 'what the operator found',
  type: 'object',
  properties: {
    observedGeneration: count('generation of the resource that this is about'),
    replicas: count('pods that there are'),
    readyReplicas: count('pods that are Ready'),
    selector: { description: 'labels of the pods, as text', type: 'string' },
    connections: count('slots held'),
    capacity: count('slots there are'),
    conditions: {
      description: 'what holds and what does not',
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: {
        type: 'object',
        required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
        properties: {
          type: { description: 'which condition', type: 'string', maxLength: 316 },
          status: { description: 'whether it holds', type: 'string', enum: ['True', 'False', 'Unknown'] },
          observedGeneration: count('generation of the resource that it was seen at'),
          lastTransitionTime: { description: 'when the status changed last', type: 'string', format: 'date-time' },
          reason: {
            description: 'why, for programs',
            type: 'string',
            minLength: 1,
            maxLength: 1024,
            pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
          },
          message: { description: 'why, for people', type: 'string', maxLength: 32_768 },
        },
      },
    },
  },
};
