import type { FleetPod } from './fleet-pod.ts';

/** `namespace/name` of a pod's fleet. */
export function fleetKey({ namespace, fleet }: Pick<FleetPod, 'namespace' | 'fleet'>): string {
  return `${namespace}/${fleet}`;
}

/** The pods of all fleets, by fleet. Fed by whoever watches them. */
export class FleetPods {
  readonly #byFleet = new Map<string, Map<string, FleetPod>>();
  readonly #byUid = new Map<string, FleetPod>();
  readonly #lost: (uid: string) => void;

  /** `lost` hears of every pod that no longer holds what it held: it is gone, or its container is. */
  constructor(lost: (uid: string) => void) {
    this.#lost = lost;
  }

  /** Takes in what a pod is now, in place of what it was. */
  changed(now: FleetPod | undefined, before: FleetPod | undefined): void {
    const known = before === undefined ? undefined : this.#byUid.get(before.uid);
    if (known !== undefined) this.#remove(known);
    const pod = now?.uid === known?.uid ? stillLiving(now, known) : now;
    if (pod !== undefined) this.#add(pod);
    if (known?.living && !(pod?.living && pod.container === known.container)) this.#lost(known.uid);
  }

  /** Whether a pod is there and may hold connections. */
  isLiving(uid: string): boolean {
    return this.#byUid.get(uid)?.living === true;
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
    this.#byUid.set(pod.uid, pod);
  }

  #remove(pod: FleetPod): void {
    const key = fleetKey(pod);
    const pods = this.#byFleet.get(key);
    pods?.delete(pod.uid);
    if (pods?.size === 0) this.#byFleet.delete(key);
    this.#byUid.delete(pod.uid);
  }
}

/** A kubelet that was restarted takes back that a container has started until it has probed it again. */
function stillLiving(now: FleetPod | undefined, known: FleetPod | undefined): FleetPod | undefined {
  if (now === undefined || now.living || !known?.living) return now;
  const sameContainer = now.container !== undefined && now.container === known.container;
  return sameContainer && now.address !== undefined ? { ...now, living: true } : now;
}
