import type { Registry } from 'prom-client';
import type { AskedConfig } from '../../config/serve-config.ts';
import type { DrainReport } from '../../server/drain.ts';
import type { Connections } from '../../server/metrics.ts';
import type { SourceSpec } from '../../sources/source-spec.ts';

/** The samples of one process, as prom-client hands them over to be added up. */
export type Samples = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** What a supervisor asks its workers for. */
export interface Answers {
  readonly metrics: Samples;
  readonly connections: Connections;
}

/** All that a worker has to know to serve. */
export interface Assignment {
  readonly config: AskedConfig;
  readonly source: SourceSpec;
  /** 32 random bytes, the same for all workers. */
  readonly key: Uint8Array;
  /** `host:port` of the other workers' peer listeners. */
  readonly peers: readonly string[];
  /** Bytes of memory of the supervisor itself. */
  readonly supervisor: number;
}

/** From the supervisor to a worker. */
export type Order =
  | { readonly kind: 'start'; readonly assignment: Assignment }
  | { readonly kind: 'peers'; readonly addresses: readonly string[] }
  | { readonly kind: 'ask'; readonly id: number; readonly what: keyof Answers }
  | { readonly kind: 'stop' }
  | { readonly kind: 'hurry' };

/** A worker that serves. */
export interface Listening {
  /** Of the server definition. */
  readonly name: string;
  readonly port: number;
  /** Connections that it holds at most. */
  readonly maxConnections: number;
}

/** From a worker to the supervisor. */
export type Word =
  | { readonly kind: 'peer'; readonly port: number }
  | ({ readonly kind: 'listening'; readonly peerPort: number } & Listening)
  | { readonly kind: 'failed'; readonly usage: boolean; readonly problems: readonly string[] }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answers[keyof Answers] }
  | { readonly kind: 'stopped'; readonly report: DrainReport };
