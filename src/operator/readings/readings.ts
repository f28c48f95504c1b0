import type { FleetPod } from '../pods/fleet-pod.ts';
import { Reading } from './reading.ts';
import type { Report } from './report.ts';

/** A silent pod is taken at its word for so long. */
const REPLAY_MS = 30_000;
/** A pod that has just started may have been asked too early. */
const FIRST_ANSWER_MS = 5_000;

/** A pod that may hold connections, and what is known of them. */
export interface Counted {
  readonly pod: FleetPod;
  readonly reading: Reading | undefined;
  /** Whether what it said last still stands for what it holds. */
  readonly fresh: boolean;
  /** Whether it has been there for so short a time that it need not have answered. */
  readonly young: boolean;
}

export interface ReadingsOptions {
  /** The pods of a fleet, `namespace/name`. */
  readonly podsOf: (fleet: string) => readonly FleetPod[];
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What every pod said last of its connections. */
export class Readings {
  readonly #options: ReadingsOptions;
  readonly #byUid = new Map<string, Reading>();
  /** When each pod that has never answered was first asked. */
  readonly #firstAsked = new Map<string, number>();

  constructor(options: ReadingsOptions) {
    this.#options = options;
  }

  /** Notes that a pod is being asked. */
  asked({ uid }: FleetPod): void {
    if (!this.#byUid.has(uid) && !this.#firstAsked.has(uid)) this.#firstAsked.set(uid, this.#options.clock());
  }

  /** Notes what a pod has answered. */
  answered({ uid }: FleetPod, report: Report): void {
    const at = this.#options.clock();
    const reading = this.#byUid.get(uid);
    if (reading === undefined) this.#byUid.set(uid, new Reading(report, at));
    else reading.update(report, at);
    this.#firstAsked.delete(uid);
  }

  /** Drops what is known of a pod that is gone, or that has lost its container and with it what it held. */
  forget(uid: string): void {
    this.#byUid.delete(uid);
    this.#firstAsked.delete(uid);
  }

  /** Whether every pod of these fleets has answered, or had the time to. */
  isFull(fleets: Iterable<string>): boolean {
    for (const fleet of fleets) if (this.countedOf(fleet).some(({ young }) => young)) return false;
    return true;
  }

  /** The pods of a fleet that may hold connections. */
  countedOf(fleet: string): readonly Counted[] {
    const now = this.#options.clock();
    return this.#options.podsOf(fleet).flatMap((pod) => {
      if (!pod.living) return [];
      const reading = this.#byUid.get(pod.uid);
      const fresh = reading !== undefined && now - reading.at <= REPLAY_MS;
      // On a node that is gone, the object of a pod may stay for long.
      if (!fresh && pod.goneAt !== undefined && now > pod.goneAt) return [];
      const young = reading === undefined && now - (this.#firstAsked.get(pod.uid) ?? now) < FIRST_ANSWER_MS;
      return [{ pod, reading, fresh, young }];
    });
  }
}
