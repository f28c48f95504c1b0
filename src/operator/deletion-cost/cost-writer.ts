import type { Logger } from 'pino';
import { KubeError } from '../../kube/kube-error.ts';
import { pause } from '../../kube/pause.ts';
import type { FleetPod } from '../pods/fleet-pod.ts';
import { type FleetPods, fleetKey } from '../pods/fleet-pods.ts';
import type { Readings } from '../readings/readings.ts';
import { type CostWrite, planWrites } from './plan-writes.ts';

/** Between two writes to one pod, and writes a second in all: every write wakes everybody who watches pods. */
const PER_POD_MS = 30_000;
const PER_SECOND = 5;
/** A fleet that has not been written for so long waits as long as any. */
const FORGOTTEN_AFTER_MS = 3_600_000;

export interface CostWriterOptions {
  readonly pods: FleetPods;
  readonly readings: Readings;
  /** Writes one pod's cost; rejects with a `KubeError`, 409 when somebody else owns it. */
  readonly write: (pod: FleetPod, cost: number, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
  /** Milliseconds. */
  readonly clock: () => number;
}

/** Keeps the deletion costs in line with what the pods hold, those first that would make a scale-down go wrong. */
export class CostWriter {
  readonly #options: CostWriterOptions;
  /** When each pod was written last. */
  readonly #written = new Map<string, number>();
  /** When each fleet was last seen to: those that waited the longest come first. */
  readonly #served = new Map<string, number>();

  constructor(options: CostWriterOptions) {
    this.#options = options;
  }

  /** Writes until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.all(this.due().map((write) => this.#write(write, signal)));
      await pause(1_000, signal);
    }
  }

  /** What is to be written in this second. */
  due(): readonly CostWrite[] {
    const { pods, readings, clock } = this.#options;
    const now = clock();
    for (const [uid, at] of this.#written) if (now - at >= PER_POD_MS) this.#written.delete(uid);
    for (const [fleet, at] of this.#served) if (now - at >= FORGOTTEN_AFTER_MS) this.#served.delete(fleet);
    const fleets = [...pods.fleets()].map((fleet) => {
      const writes = planWrites(readings.countedOf(fleet)).filter(({ pod }) => !this.#written.has(pod.uid));
      return { fleet, writes, urgent: writes[0]?.urgent === true, servedAt: this.#served.get(fleet) ?? 0 };
    });
    const inTurn = fleets
      .filter(({ writes }) => writes.length > 0)
      .sort((a, b) => Number(b.urgent) - Number(a.urgent) || a.servedAt - b.servedAt);
    return inTurn.flatMap(({ writes }) => writes).slice(0, PER_SECOND);
  }

  async #write({ pod, cost }: CostWrite, signal: AbortSignal): Promise<void> {
    const { write, log, clock } = this.#options;
    const { namespace, name } = pod;
    this.#written.set(pod.uid, clock());
    this.#served.set(fleetKey(pod), clock());
    try {
      await write(pod, cost, signal);
      log.debug({ namespace, name, cost }, 'Wrote deletion cost of Pod');
    } catch (error) {
      // Another replica may lead by now.
      if (signal.aborted) return;
      if (!(error instanceof KubeError)) throw error;
      // Gone meanwhile, or written by somebody else, which the watch will show.
      log.warn({ namespace, name, status: error.status, reason: error.reason }, 'Failed to write deletion cost of Pod');
    }
  }
}
