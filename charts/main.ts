import { parseArgs } from 'node:util';
import { App } from 'cdk8s';
import { UsageError } from '../src/config/problems.ts';
import { loadValues } from '../src/values/load.ts';
import type { ValueSources } from '../src/values/overrides.ts';
import { FleetChart } from './fleet-chart.ts';

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
  const app = new App();
  new FleetChart(app, { values: loadValues(sources()) });
  app.synth();
} catch (error) {
  const problems = error instanceof UsageError ? error.problems : [error instanceof Error ? error.message : `${error}`];
  for (const problem of problems) process.stderr.write(`error: ${problem}\n`);
  process.exitCode = 2;
}
