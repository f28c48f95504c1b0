import { UsageError } from '../config/problems.ts';
import { readAskedConfig } from '../config/read-config.ts';
import type { ServeConfigKey } from '../config/serve-config.ts';
import { createLog } from '../server/log.ts';
import type { SourceSpec } from '../sources/source-spec.ts';
import { run } from './run.ts';

export interface ServeArguments {
  /** The path of a module. */
  readonly module: string | undefined;
  /** What came after `--`. */
  readonly command: readonly string[];
  readonly file: string | undefined;
  readonly flags: Readonly<Partial<Record<ServeConfigKey, string | true>>>;
}

/** Serves until a signal, then drains. Answers the exit code: 1 when calls were cut. */
export async function runServe({ module, command, file, flags }: ServeArguments): Promise<number> {
  const source = command.length > 0 ? 'command' : 'module';
  const config = readAskedConfig({ flags, environment: process.env, file, source });
  const named = [
    ...(module === undefined ? [] : [`the module ${module}`]),
    ...(command.length === 0 ? [] : [`the command ${command.join(' ')}`]),
    ...(config.upstream === undefined ? [] : [`the upstream ${config.upstream}`]),
  ];
  if (named.length > 1) throw new UsageError([`serve takes one source. Got ${named.join(' and ')}.`]);
  // The charts tell both by the downward API.
  const { POD_IP: podIp, POD_TEMPLATE_HASH: template } = process.env;
  const spec: SourceSpec =
    command.length > 0
      ? { kind: 'command', command }
      : config.upstream !== undefined
        ? { kind: 'upstream', url: config.upstream }
        : { kind: 'module', path: module };
  return await run({ config, log: createLog(config), source: spec, place: { podIp, template } });
}
