import type { Logger } from 'pino';
import example from '../../examples/hello/server.ts';
import type { AskedConfig } from '../config/serve-config.ts';
import { loadModule, sourceOf } from './load-module.ts';
import type { Source } from './source.ts';
import type { SourceSpec } from './source-spec.ts';

export interface LoadOptions {
  readonly config: AskedConfig;
  readonly log: Logger;
  /** What a command's environment is chosen from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Makes ready what is to be served; a UsageError says what is wrong with it. */
export async function loadSource(spec: SourceSpec, options: LoadOptions): Promise<Source> {
  switch (spec.kind) {
    case 'module':
      // A first try without any server of one's own answers as well.
      return spec.path === undefined
        ? await sourceOf(example, 'examples/hello', import.meta.url)
        : await loadModule(spec.path);
    // Each loads only its own half.
    case 'command':
      return await (await import('./command/command-source.ts')).loadCommand(spec.command, options);
    case 'upstream':
      return await (await import('./upstream/upstream-source.ts')).loadUpstream(spec.url, options);
  }
}
