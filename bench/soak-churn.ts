import { setTimeout as sleep } from 'node:timers/promises';
import { describeOutcome, outcomeOfError } from '../src/load/outcome.ts';
import { benchClient } from './bench-client.ts';
import { ACTS, type Act, type ActName } from './soak-acts.ts';

/** How long a storm stays, after all of it has come. */
const STORM_MS = 1_000;
/** A request may wait for a slot before it is refused, and a server that was short of time is so for a while. */
const AFTER_STORM_MS = 5_000;
/** For a new session a quiet one is parked, and the one that was parked first is forgotten when there are too many. */
const OWED_WHEN_FULL: Readonly<Record<string, string>> = {
  'HTTP 503': 'refused in a storm',
  'HTTP 404': 'forgotten in a storm',
};
const STORM_EVERY_MS = 60_000;
const FIRST_STORM_MS = 3_000;
const PAUSE_MS = 100;

export interface ChurnOptions {
  readonly url: URL;
  /** How many clients there are at once. */
  readonly clients: number;
  /** How many come in a storm; more than the cap. */
  readonly storm: number;
  readonly acts: readonly ActName[];
  /** Whether the server has said that it has no time or memory for new clients. */
  short(): boolean;
}

/** Clients that come, do one thing, and go, again and again. */
export class Churn {
  readonly #options: ChurnOptions;
  #next = 0;
  /** Until when a refusal is what a full server owes. */
  #fullUntil = 0;
  /** How often each act was done, or what else was owed came. */
  readonly done = new Map<string, number>();
  /** What the server should not have done, and how often. */
  readonly unexpected = new Map<string, number>();

  constructor(options: ChurnOptions) {
    this.#options = options;
  }

  /** Has clients come until the signal; resolves when the last of them has gone. */
  async run(signal: AbortSignal): Promise<void> {
    const clients = Array.from({ length: this.#options.clients }, async () => {
      while (!signal.aborted) {
        await this.#act();
        await sleep(PAUSE_MS * Math.random());
      }
    });
    await Promise.all([...clients, this.#storms(signal)]);
  }

  async #act(): Promise<void> {
    const { acts, url } = this.#options;
    const name = acts[this.#next++ % acts.length] as ActName;
    const act: Act = ACTS[name];
    try {
      await act(url);
      count(this.done, name);
    } catch (error) {
      const why = reasonOf(error);
      this.#failed(name, why);
    }
  }

  /** What a storm makes of an act that it comes in the middle of is no failure of the server's. */
  #failed(name: string, why: string): void {
    const owed = OWED_WHEN_FULL[why];
    if (owed !== undefined && performance.now() < this.#fullUntil) count(this.done, owed);
    else if (why === 'HTTP 503' && this.#options.short())
      count(this.done, 'refused by a server that was short of time');
    else count(this.unexpected, `${name}: ${why}`);
  }

  async #storms(signal: AbortSignal): Promise<void> {
    for (let wait = FIRST_STORM_MS; ; wait = STORM_EVERY_MS) {
      // The end of the churn is no failure.
      await sleep(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      if (this.#options.storm > 0) await this.#storm();
    }
  }

  /** More clients with streams than there are slots: each holds one, or is refused. */
  async #storm(): Promise<void> {
    const { storm, url } = this.#options;
    this.#fullUntil = Number.POSITIVE_INFINITY;
    const clients = Array.from({ length: storm }, () => benchClient('legacy', url.href));
    let refused = 0;
    await Promise.all(
      clients.map(async (client) => {
        try {
          await client.open();
          await client.hold();
          count(this.done, 'opened in a storm');
        } catch (error) {
          const why = reasonOf(error);
          if (why === 'HTTP 503') refused++;
          this.#failed('storm', why);
        }
      }),
    );
    await sleep(STORM_MS);
    await Promise.all(clients.map((client) => client.close()));
    this.#fullUntil = performance.now() + AFTER_STORM_MS;
    count(this.done, 'storm');
    if (refused === 0) count(this.unexpected, 'storm: nobody was refused');
  }
}

function reasonOf(error: unknown): string {
  try {
    return describeOutcome(outcomeOfError(error));
  } catch {
    return (error as Error).message;
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
