import { describe, expect, test } from 'vitest';
import type { Tree } from '../../src/values/tree.ts';
import { validateValues } from '../../src/values/validate.ts';
import { warningsOf } from '../../src/values/warnings.ts';
import { minimal } from './minimal.ts';

const limited = (memory: unknown, server: Tree) =>
  warningsOf(validateValues(minimal({ resources: { limits: { memory } }, server })));

const command = ['notes'];

describe('a cap that can not fit into the limit that is given is worth a warning', () => {
  test.each<[unknown, Tree]>([
    ['64Mi', { maxConnections: 1_000 }],
    ['512Mi', { maxConnections: 100_000 }],
    [536_870_912, { maxConnections: 100_000 }],
    ['32Mi', {}],
    ['512Mi', { command, maxConnections: 10 }],
    ['96Mi', { command, share: true }],
    ['300Mi', { command, maxConnections: 10, childMemory: '32MiB' }],
  ])('%j with %j', (memory, server) => {
    expect(limited(memory, server)).toHaveLength(1);
  });

  test('and says what was found, and what to do', () => {
    expect(limited('512Mi', { command, maxConnections: 10, warmChildren: 2 })).toEqual([
      'resources.limits.memory is 512Mi and server.maxConnections 10: berth at rest takes 56 MiB, each session 10 KiB at least and each of 12 processes of the command some 48 MiB as a rule, together 633 MiB, so that a pod is ended for want of memory before it is full. Give more memory or fewer connections; berth serve --max-connections auto, run in a container with this limit, logs how many it has room for.',
    ]);
  });
});

describe('no word about', () => {
  test.each<[string, unknown, Tree]>([
    ['one that may fit', '128Mi', { maxConnections: 1_000 }],
    ['a limit that only Kubernetes understands', 'plenty', { maxConnections: 1_000_000 }],
    ['no limit', undefined, { maxConnections: 1_000_000 }],
    [
      'a command of small processes, which their own limit tells',
      '512Mi',
      { command, maxConnections: 10, childMemory: '16MiB' },
    ],
    ['one process for all', '128Mi', { command, share: true }],
  ])('%s', (_, memory, server) => {
    expect(limited(memory, server)).toEqual([]);
  });

  test('what the charts compute themselves', () => {
    expect(warningsOf(validateValues(minimal({ server: { maxConnections: 1_000_000 } })))).toEqual([]);
  });
});
