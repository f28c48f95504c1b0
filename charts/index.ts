export { loadValues } from '../src/values/load.ts';
export type { ValueSources } from '../src/values/overrides.ts';
export type { Values, ValuesInput } from '../src/values/schema.ts';
export { defineValues, validateValues } from '../src/values/validate.ts';
export { FleetChart } from './fleet-chart.ts';
export type { KubernetesObject } from './kubernetes-object.ts';
export { McpFleet, type McpFleetProps } from './mcp-fleet.ts';
export { render } from './render.ts';
export { type Synthesized, synthesize } from './synthesize.ts';
