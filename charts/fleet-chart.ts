import { Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { McpFleet, type McpFleetProps } from './mcp-fleet.ts';

/** One fleet as a file of its own, `<name>.k8s.yaml`. */
export class FleetChart extends Chart {
  readonly fleet: McpFleet;

  constructor(scope: Construct, props: McpFleetProps) {
    super(scope, chartId(props.values.name));
    this.fleet = new McpFleet(this, 'fleet', props);
  }
}

/** The name, but for one that cdk8s takes for a child that is there already: it looks children up in a plain object. */
const chartId = (name: string) => (name in {} ? `${name}-fleet` : name);
