import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ObservedCall } from '../kube/calls.ts';
import type { Observation } from './metrics-api/request-listener.ts';
import type { Round } from './readings/scraper.ts';

const SECONDS = [0.005, 0.025, 0.1, 0.5, 2, 10];

/** What the operator counts of itself. */
export class OperatorMetrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];
  readonly #scrapeSeconds = this.#histogram('berth_operator_scrape_round_seconds', 'Time to ask every pod once');
  readonly #scrapedPods = this.#gauge('berth_operator_scraped_pods', 'Pods asked in the last round');
  readonly #scrapeFailures = this.#counter('berth_operator_scrape_failures_total', 'Pods that did not answer');
  readonly reconciles = this.#counter('berth_operator_reconciles_total', 'Passes over a fleet', ['result']);
  readonly leading = this.#gauge('berth_operator_leading', '1 for the replica that changes things');
  readonly #apiSeconds = this.#histogram('berth_operator_kube_request_seconds', 'Requests to the API server', ['verb']);
  readonly #apiRequests = this.#counter('berth_operator_kube_requests_total', 'Requests to the API server', [
    'verb',
    'plural',
    'status',
  ]);
  readonly missed = this.#counter(
    'berth_operator_watch_missed_total',
    'Changes that a relist found and a watch had not told',
  );
  readonly #answers = this.#counter('berth_operator_metrics_answers_total', 'Answers of the metrics API', [
    'path',
    'status',
  ]);

  #queued: () => number = () => 0;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    const queued = () => this.#queued();
    new Gauge({
      name: 'berth_operator_queued_fleets',
      help: 'Fleets that are due now or later',
      registers: this.#registers,
      collect() {
        this.set(queued());
      },
    });
  }

  /** Counts a round over all pods. */
  scraped({ seconds, pods, failed }: Round): void {
    this.#scrapeSeconds.observe(seconds);
    this.#scrapedPods.set(pods);
    this.#scrapeFailures.inc(failed);
  }

  /** Counts a request to the API server. */
  observe({ verb, plural, status, seconds }: ObservedCall): void {
    this.#apiSeconds.observe({ verb }, seconds);
    this.#apiRequests.inc({ verb, plural, status });
  }

  /** Counts an answer of the metrics API. */
  answered({ path, status }: Observation): void {
    this.#answers.inc({ path, status });
  }

  /** Reads the number of fleets that are due now or later from whoever leads. */
  queuedFleets(read: () => number): void {
    this.#queued = read;
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: this.#registers });
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter<L>({ name, help, labelNames: [...labelNames], registers: this.#registers });
  }

  #histogram<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Histogram<L> {
    return new Histogram<L>({ name, help, labelNames: [...labelNames], buckets: SECONDS, registers: this.#registers });
  }
}
