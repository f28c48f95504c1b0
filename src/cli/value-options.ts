import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from '../config/problems.ts';
import type { ValueSources } from '../values/overrides.ts';

/** The file that is read when no other is named. */
const DEFAULT_FILE = 'values.yaml';

/** What commander makes of the options that `withValueOptions` adds. */
export interface ValueOptions {
  readonly values?: readonly string[];
  readonly set?: readonly string[];
  readonly setString?: readonly string[];
  readonly setJson?: readonly string[];
  readonly setFile?: readonly string[];
}

/** Adds Helm's options for values, each of which may be given more than once. */
export function withValueOptions(command: Command): Command {
  const collect = (value: string, previous: readonly string[] = []) => [...previous, value];
  return command
    .option('-f, --values <file>', `values file, or - for stdin; ./${DEFAULT_FILE} if none is given`, collect)
    .option('--set <name=value>', 'set a value: true, false, null, an integer or text', collect)
    .option('--set-string <name=value>', 'set a value as text', collect)
    .option('--set-json <name=json>', 'set a value as JSON, or lay a whole JSON object over the values', collect)
    .option('--set-file <name=path>', 'set a value to the content of a file', collect);
}

/** The sources that the options name; an error that says what to do when there is no values file at all. */
export function valueSources(options: ValueOptions): ValueSources {
  const { values, set = [], setString = [], setJson = [], setFile = [] } = options;
  if (values === undefined && !existsSync(DEFAULT_FILE)) {
    throw new UsageError([`There is no ./${DEFAULT_FILE} here. Name a values file with -f FILE.`]);
  }
  return { files: values ?? [DEFAULT_FILE], set, setString, setJson, setFile };
}
