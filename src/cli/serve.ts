import { Command, Option } from 'commander';
import { UsageError } from '../config/problems.ts';
import { type ServeConfigKey, serveConfigSchema } from '../config/serve-config.ts';
import { settingOptions } from './setting-options.ts';

type ServeOptions = Readonly<Partial<Record<ServeConfigKey, string | true>>> & {
  readonly config?: string;
};

/** `berth serve [SOURCE]`: runs one MCP server, in this process or with several workers. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('Serve an MCP server: a module, a command (behind --), an upstream, or the bundled example')
    .argument('[source]', 'path of a module whose default export is made with defineServer(…)')
    .addOption(new Option('--config <file>', 'a YAML file with these settings').env('BERTH_CONFIG'))
    // Commander counts what stands behind `--` as arguments too.
    .allowExcessArguments(true)
    .addHelpText(
      'after',
      '\nEach setting is also an environment variable: --max-connections is BERTH_MAX_CONNECTIONS.',
    );
  for (const option of serveOptions()) command.addOption(option);
  return command.action(async (_: string | undefined, options: ServeOptions, invoked: Command) => {
    const command = afterDashes(invoked);
    if (command?.length === 0) {
      throw new UsageError(['serve takes a command behind --. Got nothing there; a variable may be empty.']);
    }
    const [source, ...more] = invoked.args.slice(0, invoked.args.length - (command?.length ?? 0));
    if (more.length > 0) throw new UsageError([`serve takes one source; too many arguments: ${more.join(' ')}.`]);
    const { runServe } = await import('./run-serve.ts');
    const { config: file, ...flags } = options;
    process.exitCode = await runServe({ module: source, command: command ?? [], file, flags });
  });
}

/** What stands behind `--`: a command to serve; `undefined` where there is no `--`. */
function afterDashes(invoked: Command): readonly string[] | undefined {
  const { rawArgs = [] } = (invoked.parent ?? invoked) as { readonly rawArgs?: readonly string[] };
  const dashes = rawArgs.indexOf('--');
  return dashes === -1 ? undefined : rawArgs.slice(dashes + 1);
}

/** One option per setting; the table in the README is made of the same. */
export function serveOptions(): Option[] {
  return settingOptions(serveConfigSchema);
}
