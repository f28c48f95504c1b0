import example from '../../examples/hello/server.ts';
import { UsageError } from '../config/problems.ts';
import { loadModule, sourceOf } from './load-module.ts';
import type { Source } from './source.ts';
import type { SourceSpec } from './source-spec.ts';

/** Makes ready what is to be served; a UsageError says what is wrong with it. */
export async function loadSource(spec: SourceSpec): Promise<Source> {
  switch (spec.kind) {
    case 'module':
      // A first try without any server of one's own answers as well.
      return spec.path === undefined
        ? await sourceOf(example, 'examples/hello', import.meta.url)
        : await loadModule(spec.path);
    case 'command':
      throw new UsageError([`Serving a command (-- ${spec.command.join(' ')}) is not available yet.`]);
    case 'upstream':
      throw new UsageError([`--upstream ${spec.url} is not available yet.`]);
  }
}
