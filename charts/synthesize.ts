import { App, Yaml } from 'cdk8s';
import type { Values } from '../src/values/schema.ts';
import { FleetChart } from './fleet-chart.ts';

/** The file that `cdk8s synth` writes for a fleet. */
export interface Synthesized {
  readonly fileName: string;
  readonly yaml: string;
}

/** The same bytes that `cdk8s synth` writes for these values, without writing them. */
export function synthesize(values: Values): Synthesized {
  const app = new App();
  const chart = new FleetChart(app, { values });
  return { fileName: `${values.name}${app.outputFileExtension}`, yaml: Yaml.stringify(...chart.toJson()) };
}
