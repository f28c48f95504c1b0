import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { App } from 'cdk8s';
import { UsageError } from '../src/config/problems.ts';
import { loadValues } from '../src/values/load.ts';
import type { ValueSources } from '../src/values/overrides.ts';
import { printWarnings } from '../src/values/warnings.ts';
import { synthesize } from './synthesize.ts';

/** The values that this app was asked for: Helm's flags, the files that BERTH_VALUES names, or ./values.yaml. */
function sources(): ValueSources {
  const list = { type: 'string', multiple: true } as const;
  const { values } = parseArgs({
    options: {
      values: { ...list, short: 'f' },
      set: list,
      'set-string': list,
      'set-json': list,
      'set-file': list,
    },
  });
  return {
    files: values.values ?? (process.env['BERTH_VALUES'] ?? 'values.yaml').split(','),
    set: values.set ?? [],
    setString: values['set-string'] ?? [],
    setJson: values['set-json'] ?? [],
    setFile: values['set-file'] ?? [],
  };
}

try {
  const values = loadValues(sources());
  printWarnings(values);
  const { fileName, yaml } = synthesize(values);
  // Not App.synth: it leaves text such as 0o755 unquoted, which kubectl would read as a number.
  const { outdir } = new App();
  mkdirSync(outdir, { recursive: true });
  writeFileSync(join(outdir, fileName), yaml);
} catch (error) {
  const problems = error instanceof UsageError ? error.problems : [error instanceof Error ? error.message : `${error}`];
  for (const problem of problems) process.stderr.write(`error: ${problem}\n`);
  process.exitCode = 2;
}
