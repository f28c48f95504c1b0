import { Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { McpFleet, type McpFleetProps } from './mcp-fleet.ts';

/** One fleet as a file of its own, `<name>.k8s.yaml`. */
export class FleetChart extends Chart {
  readonly fleet: McpFleet;

  constructor(scope: Construct, props: McpFleetProps) {
    super(scope, props.values.name);
    this.fleet = new McpFleet(this, 'fleet', props);
  }
}
