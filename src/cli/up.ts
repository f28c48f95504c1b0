import { Command } from 'commander';
import { type ValueOptions, valueSources, withValueOptions } from './value-options.ts';

interface UpOptions extends ValueOptions {
  readonly outputDir: string;
  readonly host?: string;
  readonly port?: string;
  readonly adminPort?: string;
}

/** `berth up`: writes the manifests, then runs on this machine the server that they describe. */
export function upCommand(): Command {
  return withValueOptions(new Command('up'))
    .description('Write the manifests, then run the server they describe on this machine')
    .argument('[source]', 'a module on this machine in place of the one in the image')
    .option('--output-dir <dir>', 'where the manifests are written', 'dist')
    .option('--host <value>', 'address to listen on here (default: 127.0.0.1)')
    .option('--port <n>', 'port for MCP clients here, if not the one in the values')
    .option('--admin-port <n>', 'port for metrics and probes here, if not the one in the values')
    .action(async (source: string | undefined, { outputDir, host, port, adminPort, ...options }: UpOptions) => {
      const sources = valueSources(options);
      const { runUp } = await import('./run-up.ts');
      const here = Object.fromEntries(
        Object.entries({ host, port, adminPort }).filter(([, value]) => value !== undefined),
      );
      process.exitCode = await runUp({ source, sources, outputDir, here });
    });
}
