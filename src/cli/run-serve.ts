import { UsageError } from '../config/problems.ts';
import { readServeConfig } from '../config/read-config.ts';
import type { ServeConfigKey } from '../config/serve-config.ts';
import { createLog } from '../server/log.ts';
import { run } from './run.ts';

export interface ServeArguments {
  readonly source: string | undefined;
  /** What came after `--`. */
  readonly command: readonly string[];
  readonly upstream: string | undefined;
  readonly file: string | undefined;
  readonly flags: Readonly<Partial<Record<ServeConfigKey, string | true>>>;
}

/** Serves until a signal, then drains. Answers the exit code: 1 when calls were cut. */
export async function runServe({ source, command, upstream, file, flags }: ServeArguments): Promise<number> {
  if (upstream !== undefined) throw new UsageError([`--upstream ${upstream} is not available yet.`]);
  if (command.length > 0) throw new UsageError([`Serving a command (-- ${command.join(' ')}) is not available yet.`]);
  const config = readServeConfig({ flags, environment: process.env, file });
  // The charts tell both by the downward API.
  const { POD_IP: podIp, POD_TEMPLATE_HASH: template } = process.env;
  return await run({ config, log: createLog(config), source, place: { podIp, template } });
}
