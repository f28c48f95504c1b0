import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AskedConfig } from '../../config/serve-config.ts';
import type { DrainReport } from '../../server/drain.ts';
import type { Log } from '../../server/log.ts';
import type { SourceSpec } from '../../sources/source-spec.ts';
import type { Listening } from './messages.ts';
import { WorkerProcess } from './worker-process.ts';

export interface CrewOptions {
  readonly config: AskedConfig;
  readonly source: SourceSpec;
  readonly log: Log;
  /** Told of each worker that ended without having been stopped. */
  onLost(worker: WorkerProcess): void;
}

/** A worker that served for so long did not die of its start. */
const STEADY_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** What a worker may take after its drain: its command ends, and its sockets. One that still runs then hangs. */
const LAST_STEPS_MS = 10_000;

/** The workers that share a port: as many as there are to be, each replaced when it dies. */
export class Crew {
  readonly #options: CrewOptions;
  readonly #key = randomBytes(32);
  readonly #workers = new Set<WorkerProcess>();
  readonly #stopping = new AbortController();
  #port: number;

  constructor(options: CrewOptions) {
    this.#options = options;
    this.#port = options.config.port;
  }

  /** The workers that serve at this moment. */
  get serving(): readonly WorkerProcess[] {
    return [...this.#workers].filter(({ serving }) => serving);
  }

  /** The connections that all workers which serve hold at most. */
  get maxConnections(): number {
    return this.serving.reduce((total, worker) => total + worker.maxConnections, 0);
  }

  /** Starts one worker, then, on the same port, the others; rejects with what the first of them to fail says. */
  async start(): Promise<Listening> {
    const first = await this.#launch();
    this.#port = first.port;
    // Stopped meanwhile: nobody would stop those who come now.
    if (this.#stopping.signal.aborted) return first;
    const { workers } = this.#options.config;
    await Promise.all(Array.from({ length: workers - 1 }, () => this.#launch()));
    return first;
  }

  /** Drains all workers at once, and kills those that hang; one `undefined` for each that ended without a report. */
  async stop(hurry: AbortSignal): Promise<readonly (DrainReport | undefined)[]> {
    this.#stopping.abort();
    const { serving } = this;
    const { drainDelay, drainWindow, longestCall } = this.#options.config;
    const limit = drainDelay + drainWindow + longestCall + LAST_STEPS_MS;
    const starting = [...this.#workers].filter((worker) => !serving.includes(worker));
    const [reports] = await Promise.all([
      Promise.all(serving.map((worker) => worker.stop(limit, hurry))),
      Promise.all(starting.map((worker) => worker.stop(limit, hurry))),
    ]);
    return reports;
  }

  /** Starts a worker and sees to it that its place stays filled. */
  async #launch(): Promise<Listening> {
    const worker = this.#fork();
    void this.#fill(worker);
    const listening = await worker.listening;
    this.#options.log.info({ worker: worker.pid }, 'Started worker');
    return listening;
  }

  #fork(): WorkerProcess {
    const { config, source } = this.#options;
    const assignment = {
      config: { ...config, port: this.#port },
      source,
      key: this.#key,
      peers: this.#peersOf(),
      supervisor: process.memoryUsage.rss(),
    };
    const worker = new WorkerProcess(assignment, () => this.#announce());
    this.#workers.add(worker);
    return worker;
  }

  /** Whoever leaves the place is replaced, after longer and longer pauses when none of them stays. */
  async #fill(first: WorkerProcess): Promise<void> {
    const { log, onLost } = this.#options;
    const { signal: stopping } = this.#stopping;
    let pause = 0;
    for (let worker = first; ; worker = this.#fork()) {
      if (worker !== first) void this.#tellOf(worker);
      const { code, signal, served } = await worker.exited;
      this.#workers.delete(worker);
      this.#announce();
      if (stopping.aborted) return;
      onLost(worker);
      pause = served >= STEADY_MS ? 0 : Math.min(Math.max(2 * pause, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
      log.error({ worker: worker.pid, code, signal, pause }, 'Lost worker');
      // Stopping ends the pause.
      await sleep(pause, undefined, { signal: stopping }).catch(() => {});
      if (stopping.aborted) return;
    }
  }

  async #tellOf(replacement: WorkerProcess): Promise<void> {
    const { log } = this.#options;
    try {
      await replacement.listening;
      log.info({ worker: replacement.pid }, 'Replaced worker');
    } catch (error) {
      log.error({ worker: replacement.pid, reason: (error as Error).message }, 'Worker could not start');
    }
  }

  #announce(): void {
    for (const worker of this.#workers) worker.send({ kind: 'peers', addresses: this.#peersOf(worker) });
  }

  /** The addresses of all workers but this one. */
  #peersOf(self?: WorkerProcess): readonly string[] {
    return [...this.#workers].flatMap((worker) =>
      worker === self || worker.peerAddress === undefined ? [] : [worker.peerAddress],
    );
  }
}
