import { pause } from '../../kube/pause.ts';
import type { FleetPod } from '../pods/fleet-pod.ts';
import type { FleetPods } from '../pods/fleet-pods.ts';
import { PodConnection } from './pod-connection.ts';
import type { Readings } from './readings.ts';
import { Window } from './window.ts';

/** Shorter than a round, so that a silent pod is never asked twice at a time. */
const ANSWER_MS = 1_500;
/** Answers that are awaited at a time; those of pods that were silent before are not among them. */
const MOST_AWAITED = 200;

export interface ScraperOptions {
  readonly pods: FleetPods;
  readonly readings: Readings;
  /** Milliseconds from the start of a round to the start of the next. */
  readonly everyMs: number;
  /** Told of each round when everybody in it was asked. */
  readonly round?: (round: Round) => void;
}

/** One round over all pods. */
export interface Round {
  readonly seconds: number;
  readonly pods: number;
  readonly failed: number;
}

/** Asks every pod for its connections, all pods of a fleet at one time: a session that moves between is seen once. */
export class Scraper {
  readonly #options: ScraperOptions;
  readonly #connections = new Map<string, PodConnection>();
  /** Pods that were silent when they were asked last. */
  readonly #silent = new Set<string>();
  readonly #asking = new Set<string>();

  constructor(options: ScraperOptions) {
    this.#options = options;
  }

  /** Goes round until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      const { pods, failed } = await this.#goRound(signal);
      const took = performance.now() - began;
      this.#options.round?.({ seconds: took / 1_000, pods, failed });
      await pause(Math.max(0, this.#options.everyMs - took), signal);
    }
    for (const connection of this.#connections.values()) connection.close();
  }

  async #goRound(signal: AbortSignal): Promise<{ readonly pods: number; readonly failed: number }> {
    const all: Promise<boolean>[] = [];
    const window = new Window(MOST_AWAITED);
    for (const fleet of [...this.#options.pods.fleets()]) {
      if (signal.aborted) break;
      const due = this.#options.pods.of(fleet).filter((pod) => pod.living && !this.#asking.has(pod.uid));
      all.push(...due.map((pod) => (this.#silent.has(pod.uid) ? this.#ask(pod) : window.with(this.#ask(pod)))));
      await window.opens();
    }
    const answers = await Promise.all(all);
    this.#hangUp();
    return { pods: answers.length, failed: answers.filter((answered) => !answered).length };
  }

  /** Whether the pod has answered. */
  async #ask(pod: FleetPod): Promise<boolean> {
    const { pods, readings } = this.#options;
    if (pod.address === undefined) return false;
    readings.asked(pod);
    this.#asking.add(pod.uid);
    const report = await this.#connectionTo(pod.uid, pod.address).ask(ANSWER_MS);
    this.#asking.delete(pod.uid);
    this.#silent.delete(pod.uid);
    // It may have gone meanwhile, and nothing would ever forget it again.
    if (!pods.isLiving(pod.uid)) return true;
    if (report === undefined) this.#silent.add(pod.uid);
    else readings.answered(pod, report);
    return report !== undefined;
  }

  #connectionTo(uid: string, address: NonNullable<FleetPod['address']>): PodConnection {
    const kept = this.#connections.get(uid);
    if (kept?.leadsTo(address)) return kept;
    kept?.close();
    const connection = new PodConnection(address);
    this.#connections.set(uid, connection);
    return connection;
  }

  /** A pod that is gone without a word would leave its socket behind. */
  #hangUp(): void {
    for (const [uid, connection] of this.#connections) {
      if (this.#options.pods.isLiving(uid)) continue;
      connection.close();
      this.#connections.delete(uid);
    }
  }
}
