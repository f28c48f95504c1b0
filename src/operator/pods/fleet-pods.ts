import type { FleetPod } from './fleet-pod.ts';

/** `namespace/name` of a pod's fleet. */
export function fleetKey({ namespace, fleet }: Pick<FleetPod, 'namespace' | 'fleet'>): string {
  return `${namespace}/${fleet}`;
}

/** The pods of all fleets, by fleet. Fed by whoever watches them. */
export class FleetPods {
  readonly #byFleet = new Map<string, Map<string, FleetPod>>();
  readonly #living = new Set<string>();
  readonly #lost: (uid: string) => void;

  /** `lost` hears of every pod that no longer holds what it held: it is gone, or its container is. */
  constructor(lost: (uid: string) => void) {
    this.#lost = lost;
  }

  /** Takes in what a pod is now, in place of what it was. */
  changed(now: FleetPod | undefined, before: FleetPod | undefined): void {
    if (before !== undefined) this.#remove(before);
    if (now !== undefined) this.#add(now);
    if (now?.living) this.#living.add(now.uid);
    if (before === undefined || (now?.living && now.uid === before.uid)) return;
    this.#living.delete(before.uid);
    this.#lost(before.uid);
  }

  /** Whether a pod is there and may hold connections. */
  isLiving(uid: string): boolean {
    return this.#living.has(uid);
  }

  /** The keys of the fleets that have pods. */
  fleets(): Iterable<string> {
    return this.#byFleet.keys();
  }

  of(fleet: string): readonly FleetPod[] {
    return [...(this.#byFleet.get(fleet)?.values() ?? [])];
  }

  #add(pod: FleetPod): void {
    const key = fleetKey(pod);
    const pods = this.#byFleet.get(key) ?? new Map<string, FleetPod>();
    this.#byFleet.set(key, pods.set(pod.uid, pod));
  }

  #remove(pod: FleetPod): void {
    const key = fleetKey(pod);
    const pods = this.#byFleet.get(key);
    pods?.delete(pod.uid);
    if (pods?.size === 0) this.#byFleet.delete(key);
  }
}
