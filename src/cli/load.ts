import { Command, Option } from 'commander';
import { type LoadConfigKey, loadConfigSchema } from '../load/load-config.ts';
import { settingOptions } from './setting-options.ts';

type LoadOptions = Readonly<Partial<Record<LoadConfigKey, string | true>>> & { readonly header: readonly string[] };

/** `berth load URL`: opens sessions at an MCP server, calls from all of them, and reports how it was answered. */
export function loadCommand(): Command {
  const command = new Command('load')
    .description('Put load on an MCP server: sessions, streams and calls')
    .argument('<url>', 'address of its endpoint, such as http://127.0.0.1:8000/mcp');
  const { output } = loadConfigSchema.shape;
  for (const option of settingOptions(loadConfigSchema.omit({ output: true }))) command.addOption(option);
  const header = new Option('--header <line>', "'Name: value', sent with each request; may be given several times");
  command.addOption(header.default([], 'none').argParser((line, before: readonly string[]) => [...before, line]));
  command.option('-o, --output <text|json>', `${output.description} (default: text)`);
  return command.action(async (url: string, { header: headers, ...flags }: LoadOptions) => {
    const { runLoadCommand } = await import('./run-load.ts');
    process.exitCode = await runLoadCommand({ url, headers, flags });
  });
}
