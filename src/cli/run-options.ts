import type { AskedConfig } from '../config/serve-config.ts';
import type { Log } from '../server/log.ts';
import type { Connections } from '../server/metrics.ts';
import type { Place } from '../server/place.ts';
import type { SourceSpec } from '../sources/source-spec.ts';

export interface RunOptions {
  readonly config: AskedConfig;
  readonly log: Log;
  readonly source: SourceSpec;
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
  /** Of all workers. */
  readonly maxConnections: number;
  /** Counted over all workers; `undefined` when none of them answered. */
  connections(): Promise<Connections | undefined>;
}
