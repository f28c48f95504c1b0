import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../config/problems.ts';
import { flagName } from '../config/serve-config.ts';
import { type ValueOptions, valueSources, withValueOptions } from './value-options.ts';

interface SynthOptions extends ValueOptions {
  readonly outputDir?: string;
}

interface OperatorFlags {
  readonly image: string;
  readonly namespace: string;
  readonly namespaces?: string;
}

/** `berth synth`: the Kubernetes objects that values describe, on stdout or as the file that `cdk8s synth` writes. */
export function synthCommand(): Command {
  return withValueOptions(new Command('synth').alias('template'))
    .description('Print the Kubernetes objects that values describe')
    .option('--output-dir <dir>', 'write <name>.k8s.yaml there instead of printing')
    .action(synthFleet)
    .addCommand(operatorCommand().exitOverride())
    .addCommand(definitionsCommand().exitOverride());
}

async function synthFleet(options: SynthOptions): Promise<void> {
  const sources = valueSources(options);
  const { loadValues } = await import('../values/load.ts');
  const { printWarnings } = await import('../values/warnings.ts');
  const values = loadValues(sources);
  printWarnings(values);
  // After the values, since it takes most of the time and bad values do not need it.
  const { synthesize } = await import('../../charts/synthesize.ts');
  const { fileName, yaml } = synthesize(values);
  if (options.outputDir === undefined) {
    process.stdout.write(yaml);
    return;
  }
  mkdirSync(options.outputDir, { recursive: true });
  writeFileSync(join(options.outputDir, fileName), yaml);
}

function operatorCommand(): Command {
  return new Command('operator')
    .description('Print the Kubernetes objects that install the operator')
    .option('--image <image>', 'image of berth', 'localhost/berth:dev')
    .option('--namespace <name>', 'namespace that it runs in', 'berth-system')
    .option('--namespaces <list>', 'namespaces whose fleets it keeps; all if not given')
    .action(async (flags: OperatorFlags, command: Command) => {
      refuseValues(command);
      const { operatorOptions } = await import('../../charts/operator/operator-options.ts');
      const options = operatorOptions(flags);
      const { renderOperator } = await import('../../charts/operator/render-operator.ts');
      const { manifestYaml } = await import('../../charts/manifest-yaml.ts');
      process.stdout.write(manifestYaml(renderOperator(options)));
    });
}

function definitionsCommand(): Command {
  return new Command('crds')
    .description('Print the definition of the custom resource MCPFleet')
    .action(async (_: object, command: Command) => {
      refuseValues(command);
      const { fleetDefinition } = await import('../../charts/operator/fleet-definition.ts');
      const { manifestYaml } = await import('../../charts/manifest-yaml.ts');
      process.stdout.write(manifestYaml([fleetDefinition()]));
    });
}

/** Options of `synth` itself, which commander takes before and after the name of a subcommand. */
function refuseValues(command: Command): void {
  const given = Object.keys(command.parent?.opts() ?? {});
  if (given.length === 0) return;
  throw new UsageError(given.map((key) => `${flagName(key)} has no effect on synth ${command.name()}.`));
}
