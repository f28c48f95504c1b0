import type { Tree } from '../../src/values/tree.ts';

/** The least that is valid, with more laid over its top level. */
export function minimal(more: Tree = {}): Tree {
  return { name: 'berth', image: { repository: 'localhost/berth', tag: 'dev' }, ...more };
}
