import type { RunOptions } from './run-options.ts';

/**
 * Serves until SIGTERM or SIGINT with as many processes as there are to be, then drains; a second signal cuts that
 * short. Answers the exit code: 1 when calls were cut, else 0.
 */
export async function run(options: RunOptions): Promise<0 | 1> {
  if (options.config.transport === 'stdio') return (await import('./run-stdio.ts')).runStdio(options);
  // Each loads only its own half: several workers are watched by a process that serves nothing.
  if (options.config.workers > 1) return (await import('./workers/run-supervisor.ts')).runSupervisor(options);
  return (await import('./run-server.ts')).runServer(options);
}
