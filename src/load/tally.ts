import { Histogram } from './histogram.ts';
import type { Outcome } from './outcome.ts';

/** How often each thing happened, by its status or code. */
export type Counts = Readonly<Record<string, number>>;

/** Answers by what they were. */
export interface Outcomes {
  readonly results: number;
  readonly toolErrors: number;
  /** Answers 503: a server at its capacity, or one that leaves. */
  readonly refused: number;
  readonly httpStatuses: Counts;
  readonly jsonRpcErrors: Counts;
  readonly connectionErrors: Counts;
}

/** Codes of requests whose answer was not waited for any longer. */
const GIVEN_UP = new Set(['timeout', 'unfinished']);

/** Counts what became of requests, and how long those took that were answered. */
export class Tally {
  readonly histogram = new Histogram();
  #results = 0;
  #toolErrors = 0;
  #refused = 0;
  readonly #httpStatuses: Record<string, number> = {};
  readonly #jsonRpcErrors: Record<string, number> = {};
  readonly #connectionErrors: Record<string, number> = {};

  /**
   * Times of refusals and failed connections are not recorded: quick ones would make a server look fast. A request that was
   * given up had at least the time that was waited for it.
   */
  record(outcome: Outcome, milliseconds: number): void {
    switch (outcome.kind) {
      case 'result':
        this.#results++;
        break;
      case 'tool-error':
        this.#toolErrors++;
        break;
      case 'json-rpc':
        add(this.#jsonRpcErrors, outcome.code);
        break;
      case 'http':
        if (outcome.status === 503) this.#refused++;
        else add(this.#httpStatuses, outcome.status);
        return;
      case 'connection':
        add(this.#connectionErrors, outcome.code);
        if (!GIVEN_UP.has(outcome.code)) return;
    }
    this.histogram.record(milliseconds);
  }

  /** Answers that say something of the request: results and errors. */
  get answered(): number {
    return this.#results + this.#toolErrors + sum(this.#jsonRpcErrors);
  }

  get outcomes(): Outcomes {
    return {
      results: this.#results,
      toolErrors: this.#toolErrors,
      refused: this.#refused,
      httpStatuses: this.#httpStatuses,
      jsonRpcErrors: this.#jsonRpcErrors,
      connectionErrors: this.#connectionErrors,
    };
  }
}

function add(counts: Record<string, number>, key: string | number): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
