import type { ServeConfig } from '../config/serve-config.ts';
import type { Log } from '../server/log.ts';
import type { Connections } from '../server/metrics.ts';
import type { Place } from '../server/place.ts';

export interface RunOptions {
  readonly config: ServeConfig;
  readonly log: Log;
  /** The path of a module; the bundled example if there is none. */
  readonly source: string | undefined;
  readonly place?: Place;
  started?(serving: Serving): void;
  stopping?(): void;
}

/** What is served, by one process or by several. */
export interface Serving {
  /** Of the server definition. */
  readonly name: string;
  readonly port: number;
  readonly adminPort: number | undefined;
  /** Counted over all workers; `undefined` when none of them answered. */
  connections(): Promise<Connections | undefined>;
}

/**
 * Serves until SIGTERM or SIGINT with as many processes as there are to be, then drains; a second signal cuts that
 * short. Answers the exit code: 1 when calls were cut, else 0.
 */
export async function run(options: RunOptions): Promise<0 | 1> {
  // Each loads only its own half: several workers are watched by a process that serves nothing.
  if (options.config.workers > 1) return (await import('./workers/run-supervisor.ts')).runSupervisor(options);
  return (await import('./run-server.ts')).runServer(options);
}
