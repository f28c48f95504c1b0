import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../spread.ts';
import type { OperatorProcess } from './operator-process.ts';

/** What an operator has done during a time, by its own count. */
export interface Work {
  /** Seconds of each round over all pods. */
  readonly rounds: readonly number[];
  readonly pods: number;
  readonly failures: number;
  /** Of one core. */
  readonly cpuShare: number;
  /** Bytes, at the end of the time. */
  readonly rss: number;
  readonly heap: number;
  readonly passes: number;
}

/** There is at most one round between two looks. */
const LOOK_MS = 500;
const ROUND = 'berth_operator_scrape_round_seconds';

/** Follows an operator during a piece of work. */
export async function workOf(operator: OperatorProcess, during: () => Promise<unknown>): Promise<Work> {
  const before = await operator.metrics();
  const begun = performance.now();
  const rounds: number[] = [];
  let [last, over] = [before, false];
  const looking = (async () => {
    while (!over) {
      await sleep(LOOK_MS);
      const now = await operator.metrics();
      const more = (what: string) => (now.get(`${ROUND}_${what}`) ?? 0) - (last.get(`${ROUND}_${what}`) ?? 0);
      if (more('count') > 0) rounds.push(more('sum') / more('count'));
      last = now;
    }
  })();
  await during().finally(() => {
    over = true;
  });
  await looking;
  const took = (performance.now() - begun) / 1_000;
  const more = (name: string) => (last.get(name) ?? 0) - (before.get(name) ?? 0);
  return {
    rounds,
    pods: last.get('berth_operator_scraped_pods') ?? 0,
    failures: more('berth_operator_scrape_failures_total'),
    cpuShare: more('process_cpu_seconds_total') / took,
    rss: last.get('process_resident_memory_bytes') ?? 0,
    heap: last.get('nodejs_heap_size_used_bytes') ?? 0,
    passes: more('berth_operator_reconciles_total{result="done"}'),
  };
}

/** What it was, in a line. */
export function sayWork({ rounds, pods, failures, cpuShare, rss, heap, passes }: Work): string {
  const p50 = percentile(rounds, 50);
  return [
    `${rounds.length} rounds over ${pods} pods: p50 ${p50.toFixed(2)} s, max ${Math.max(...rounds).toFixed(2)} s`,
    `${Math.round(pods / p50)} pods/s`,
    `${failures} without an answer`,
    `CPU ${Math.round(cpuShare * 100)} %`,
    `RSS ${megabytes(rss)}, heap ${megabytes(heap)}`,
    `${passes} passes over a fleet`,
  ].join('; ');
}

/** As `260 MB`. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
