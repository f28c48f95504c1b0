import type { Era } from './clients/client.ts';
import type { HttpConnectionOptions } from './http-connection.ts';
import type { Fields } from './requests.ts';

/** What is called: a tool, a plain method, or the first tool of the server's whose arguments can be made up. */
export type Wanted =
  | { readonly kind: 'any' }
  | { readonly kind: 'tool'; readonly name: string; readonly arguments?: Readonly<Record<string, unknown>> }
  | { readonly kind: 'method'; readonly method: string; readonly params: Readonly<Record<string, unknown>> };

/** Everything that one run does; times in milliseconds, rates per second. */
export interface LoadPlan {
  readonly url: URL;
  readonly headers: Fields;
  readonly sessions: number;
  /** Of the sessions, in turns. */
  readonly eras: readonly Era[];
  /** So many are opened at a time, or so many a second whatever becomes of those before. */
  readonly opening: { readonly concurrency: number } | { readonly rate: number };
  /** Whether each session holds a stream. */
  readonly streams: boolean;
  readonly duration: number;
  /** Calls of all sessions together; closed loop if not set, none if 0. */
  readonly rate?: number;
  readonly wanted: Wanted;
  /** So many of the sessions read so many bytes a second on each connection. */
  readonly slow: { readonly readers: number; readonly bytesPerSecond: number };
  /** Sessions that leave and are opened again; every other one leaves without a word. */
  readonly churn: number;
  readonly connection: HttpConnectionOptions;
  /** Reads how many bytes of memory the server has. */
  readonly memory?: () => Promise<number>;
}

/** How far a run has come. */
export interface Progress {
  readonly phase: 'opening' | 'calling' | 'closing';
  readonly opened: number;
  readonly answered: number;
}
