#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import berth from '../../package.json' with { type: 'json' };
import { UsageError } from '../config/problems.ts';
import { loadCommand } from './load.ts';
import { operatorCommand } from './operator.ts';
import { schemaCommand } from './schema.ts';
import { serveCommand } from './serve.ts';
import { synthCommand } from './synth.ts';
import { upCommand } from './up.ts';
import { workerCommand } from './worker.ts';

/** Runs `berth` with the given arguments and returns its exit code: 0 done, 1 failed, 2 usage, 3 differences. */
async function main(args: readonly string[]): Promise<number> {
  const program = new Command('berth')
    .description('Run MCP servers on Kubernetes')
    .version(berth.version)
    .addCommand(serveCommand())
    .addCommand(upCommand())
    .addCommand(synthCommand())
    .addCommand(operatorCommand())
    .addCommand(loadCommand())
    .addCommand(schemaCommand())
    .addCommand(workerCommand(), { hidden: true });
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync(args, { from: 'user' });
    return process.exitCode === undefined ? 0 : Number(process.exitCode);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof UsageError) {
      for (const problem of error.problems) process.stderr.write(`error: ${problem}\n`);
      return 2;
    }
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

const code = await main(process.argv.slice(2));
// A module that was served may have left timers or sockets of its own; what was printed goes out first.
process.stdout.write('', () => process.exit(code));
