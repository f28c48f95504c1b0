import { App } from 'cdk8s';
import type { Values } from '../src/values/schema.ts';
import { FleetChart } from './fleet-chart.ts';
import { manifestYaml } from './manifest-yaml.ts';

/** The file that `berth synth` and `cdk8s synth` write for a fleet. */
export interface Synthesized {
  readonly fileName: string;
  readonly yaml: string;
}

/** The bytes of both commands for these values, without writing them. */
export function synthesize(values: Values): Synthesized {
  const app = new App();
  const chart = new FleetChart(app, { values });
  return { fileName: `${values.name}${app.outputFileExtension}`, yaml: manifestYaml(chart.toJson()) };
}
