import type { FleetPod } from '../../src/operator/pods/fleet-pod.ts';
import { FleetPods } from '../../src/operator/pods/fleet-pods.ts';
import { Readings } from '../../src/operator/readings/readings.ts';
import type { Report } from '../../src/operator/readings/report.ts';

/** A pod of the fleet `notes` in `mcp` that serves, unless told otherwise. */
export function podOf(name: string, over: Partial<FleetPod> = {}): FleetPod {
  return {
    namespace: 'mcp',
    name,
    uid: `uid-${name}`,
    fleet: 'notes',
    labels: { 'app.kubernetes.io/instance': 'notes', pod: name },
    address: { host: '127.0.0.1', port: 1 },
    container: `container-of-${name}`,
    living: true,
    ready: true,
    goneAt: undefined,
    cost: { value: 0, foreign: false },
    ...over,
  };
}

/** What a pod with a cap of 100 says. */
export function reportOf(active: number, over: Partial<Report> = {}): Report {
  return { active, exported: active, max: 100, waiting: 0, refused: 0, parked: 0, maxParked: undefined, ...over };
}

/** Pods and what they said, at times that the test sets. */
export function createWorld() {
  let now = 1_000_000;
  const pods: FleetPods = new FleetPods((uid) => readings.forget(uid));
  const readings: Readings = new Readings({ podsOf: (fleet) => pods.of(fleet), clock: () => now });
  const known = new Map<string, FleetPod>();
  return {
    pods,
    readings,
    clock: () => now,
    passes: (ms: number) => {
      now += ms;
    },
    /** A pod is there, or is now otherwise. */
    has(pod: FleetPod) {
      pods.changed(pod, known.get(pod.name));
      known.set(pod.name, pod);
    },
    loses(name: string) {
      pods.changed(undefined, known.get(name));
      known.delete(name);
    },
    /** A pod is asked; without a report it is silent. */
    hears(name: string, report?: Report) {
      const pod = known.get(name) as FleetPod;
      readings.asked(pod);
      if (report !== undefined) readings.answered(pod, report);
    },
  };
}
