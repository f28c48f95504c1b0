import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
import type { Reports } from '../../server/admin.ts';
import type { Log } from '../../server/log.ts';
import type { Connections } from '../../server/metrics.ts';
import type { Answers, Samples } from './messages.ts';
import { sum } from './sum.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Of Node's own metrics, where prom-client would leave them out or hide the slowest worker in a mean. */
const AGGREGATORS: Readonly<Record<string, string>> = {
  process_start_time_seconds: 'max',
  nodejs_eventloop_lag_seconds: 'max',
  nodejs_eventloop_lag_p50_seconds: 'max',
  nodejs_eventloop_lag_p90_seconds: 'max',
  nodejs_eventloop_lag_p99_seconds: 'max',
};

/** The numbers of all workers as one. A worker that does not answer in time is left out, and counted. */
export class CrewReports implements Reports<Connections> {
  readonly #own = new Registry();
  readonly #missed: Counter;
  readonly #workers: () => readonly WorkerProcess[];
  readonly #log: Log;
  /** What each worker had counted when it answered last. */
  readonly #counted = new Map<WorkerProcess, Samples>();
  /** What workers had counted that are gone. */
  #past: Samples = [];

  constructor(workers: () => readonly WorkerProcess[], log: Log) {
    this.#workers = workers;
    this.#log = log;
    const registers = [this.#own];
    const name = 'mcp_worker_reports_missed_total';
    this.#missed = new Counter({ name, help: 'Reports that a worker did not give in time', registers });
    new Gauge({
      name: 'mcp_workers',
      help: 'Workers that serve',
      registers,
      collect() {
        this.set(workers().length);
      },
    });
  }

  async connections(): Promise<Connections | undefined> {
    const answers = await this.#askAll('connections');
    return sum([...answers.values()]);
  }

  async registry(): Promise<Registry> {
    const answers = await this.#askAll('metrics');
    // One that died after its answer is counted among the past already.
    const living = new Set(this.#workers());
    for (const [worker, samples] of answers)
      if (living.has(worker)) this.#counted.set(worker, samples.filter(isCounted));
    // A total that shrank for one scrape would look like a burst of new events in the next.
    const silent = [...this.#counted].filter(([worker]) => !answers.has(worker)).map(([, samples]) => samples);
    return aggregate([await this.#own.getMetricsAsJSON(), ...answers.values(), ...silent, this.#past]);
  }

  /** Keeps what a worker had counted, so that totals never shrink. */
  async lost(worker: WorkerProcess): Promise<void> {
    const counted = this.#counted.get(worker);
    this.#counted.delete(worker);
    if (counted !== undefined) this.#past = await aggregate([this.#past, counted]).getMetricsAsJSON();
  }

  async #askAll<What extends keyof Answers>(what: What): Promise<ReadonlyMap<WorkerProcess, Answers[What]>> {
    const answers = new Map<WorkerProcess, Answers[What]>();
    const ask = async (worker: WorkerProcess) => {
      const answer = await worker.ask(what);
      if (answer !== undefined) {
        answers.set(worker, answer);
      } else if (worker.serving) {
        this.#missed.inc();
        this.#log.warn({ worker: worker.pid, report: what }, 'Left out a worker that did not answer');
      }
    };
    await Promise.all(this.#workers().map(ask));
    return answers;
  }
}

type Sample = Samples[number];

// prom-client's type says "counter" and its objects do too, but it is declared as an enum without values.
const isCounted = ({ type }: Sample) => ['counter', 'histogram'].includes(String(type));

function aggregate(processes: readonly Samples[]): Registry {
  const chosen = (sample: Sample) => ({ ...sample, aggregator: AGGREGATORS[sample.name] ?? sample.aggregator });
  return AggregatorRegistry.aggregate(processes.map((samples) => samples.map(chosen)));
}
