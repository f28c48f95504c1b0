import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { type ValueOptions, valueSources, withValueOptions } from './value-options.ts';

interface SynthOptions extends ValueOptions {
  readonly outputDir?: string;
}

/** `berth synth`: the Kubernetes objects that values describe, on stdout or as the file that `cdk8s synth` writes. */
export function synthCommand(): Command {
  return withValueOptions(new Command('synth').alias('template'))
    .description('Print the Kubernetes objects that values describe')
    .option('--output-dir <dir>', 'write <name>.k8s.yaml there instead of printing')
    .action(async (options: SynthOptions) => {
      const sources = valueSources(options);
      const { loadValues } = await import('../values/load.ts');
      const values = loadValues(sources);
      // After the values, since it takes most of the time and bad values do not need it.
      const { synthesize } = await import('../../charts/synthesize.ts');
      const { fileName, yaml } = synthesize(values);
      if (options.outputDir === undefined) {
        process.stdout.write(yaml);
        return;
      }
      mkdirSync(options.outputDir, { recursive: true });
      writeFileSync(join(options.outputDir, fileName), yaml);
    });
}
