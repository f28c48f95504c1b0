import { App } from 'cdk8s';
import { UsageError } from '../src/config/problems.ts';
import { loadValues } from '../src/values/load.ts';
import { FleetChart } from './fleet-chart.ts';

/** What `cdk8s synth` runs: the values of ./values.yaml, or of the files that BERTH_VALUES names, as one chart. */
const files = (process.env['BERTH_VALUES'] ?? 'values.yaml').split(',');
try {
  const app = new App();
  new FleetChart(app, { values: loadValues({ files }) });
  app.synth();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  for (const problem of error.problems) process.stderr.write(`error: ${problem}\n`);
  process.exitCode = 2;
}
