import { Command } from 'commander';

/** `berth worker`: one of several workers. Only `berth serve` and `berth up` start it. */
export function workerCommand(): Command {
  return new Command('worker').action(async () => {
    const { runWorker } = await import('./workers/run-worker.ts');
    process.exitCode = await runWorker();
  });
}
