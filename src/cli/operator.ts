import { Command } from 'commander';
import { type OperatorConfigKey, operatorConfigSchema } from '../config/operator-config.ts';
import { settingOptions } from './setting-options.ts';

type OperatorOptions = Readonly<Partial<Record<OperatorConfigKey, string>>> & { readonly context?: string };

/** `berth operator`: keeps fleets as their resources say, serves their metrics to autoscalers, and picks what goes first. */
export function operatorCommand(): Command {
  const command = new Command('operator')
    .description('Run the operator of a cluster: MCPFleet resources, custom metrics, deletion costs')
    .option('--context <name>', 'context of the kubeconfig, when run outside of a cluster');
  for (const option of settingOptions(operatorConfigSchema)) command.addOption(option);
  return command.action(async ({ context, ...flags }: OperatorOptions) => {
    const { runOperator } = await import('./run-operator.ts');
    process.exitCode = await runOperator({ context, flags });
  });
}
