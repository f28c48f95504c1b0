import type { Era } from './clients/client.ts';
import type { Latencies } from './histogram.ts';
import type { Call } from './requests.ts';
import type { Outcomes } from './tally.ts';

/** What a run has seen; `seconds` are those of its phase, latencies are milliseconds, memory is bytes. */
export interface LoadReport {
  readonly url: string;
  readonly eras: readonly Era[];
  readonly opening: Phase & {
    readonly asked: number;
    /** Sessions that were open when the calls began. */
    readonly opened: number;
  };
  readonly streams: {
    /** Open when the calls ended. */
    readonly held: number;
    readonly opened: number;
    readonly endedByServer: number;
    readonly events: number;
    readonly bytes: number;
    /** What became of those that could not be opened. */
    readonly outcomes: Outcomes;
  };
  /** Not there when no call was to be made, or none could be. */
  readonly calls?: Phase & {
    readonly call: Call;
    /** Calls that were due at the rate, and that no session was free to make before the end. */
    readonly unsent: number;
    /** Seconds of CPU that this process used meanwhile: as many as the phase has, it was the limit and not the server. */
    readonly generatorCpu: number;
  };
  readonly churn: { readonly deleted: number; readonly vanished: number; readonly lost: number };
  readonly memory?: { readonly before: number; readonly open: number; readonly perSession?: number };
}

export interface Phase {
  readonly seconds: number;
  /** Answers that are results or errors of JSON-RPC. */
  readonly perSecond: number;
  readonly latency?: Latencies;
  readonly outcomes: Outcomes;
}
