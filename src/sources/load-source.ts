import example from '../../examples/hello/server.ts';
import { loadModule, sourceOf } from './load-module.ts';
import type { Source } from './source.ts';

/** The source that a command line names; without one the bundled example, so that a first try answers. */
export async function loadSource(path: string | undefined): Promise<Source> {
  return path === undefined ? await sourceOf(example, 'examples/hello', import.meta.url) : await loadModule(path);
}
