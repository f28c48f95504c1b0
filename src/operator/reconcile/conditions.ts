import type { Occupancy } from '../readings/occupancy.ts';
import type { Condition, ConditionType } from './mcp-fleet-resource.ts';
import { type Rolled, rolloutOf } from './rollout.ts';

/** A condition before it is known when it became so. */
export type Verdict = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Something that keeps a fleet from being as it should. */
export interface Trouble {
  readonly reason: 'InvalidSpec' | 'KindMissing' | 'NameTaken' | 'ApplyRefused' | 'DeletionCostTaken';
  readonly message: string;
}

/** Everything that the conditions of a fleet follow from. */
export interface Observed {
  readonly deployment: Rolled | undefined;
  readonly occupancy: Occupancy | undefined;
  readonly troubles: readonly Trouble[];
  /** Whether a change that a new version of the operator makes waits for that of another fleet. */
  readonly waitsForTurn: boolean;
  /** The `namespace/name` of that other fleet; `undefined` when its turn has ended meanwhile. */
  readonly turnIsOf: string | undefined;
  /** `undefined`: not looked at yet. */
  readonly metrics: { readonly available: boolean; readonly reason: string; readonly message: string } | undefined;
}

/** What is to be said of a fleet. Pure. */
export function verdictsOn(observed: Observed): readonly Verdict[] {
  return [
    available(observed),
    progressing(observed),
    atCapacity(observed),
    metricsAvailable(observed),
    degraded(observed),
  ];
}

/** Of a condition that stays what it was: a leader that has just begun knows no better. */
const NOT_YET = 'NotLookedAtYet';

/** Conditions with the times at which they came to be what they are. */
export function conditionsFrom(
  verdicts: readonly Verdict[],
  before: readonly Condition[],
  generation: number,
  now: Date,
): readonly Condition[] {
  return verdicts.map((verdict) => {
    const last = before.find(({ type }) => type === verdict.type);
    if (verdict.reason === NOT_YET && last !== undefined) return { ...last, observedGeneration: generation };
    const since = last?.status === verdict.status ? last.lastTransitionTime : undefined;
    // Kubernetes' times have no fraction.
    const lastTransitionTime = since ?? now.toISOString().replace(/\.\d+Z$/, 'Z');
    return { ...verdict, observedGeneration: generation, lastTransitionTime };
  });
}

/** An API server may have much to say, and takes no more than eight times as much back. */
const LONGEST_MESSAGE = 4_096;

const verdict = (type: ConditionType, is: boolean, reason: string, message: string): Verdict => ({
  type,
  status: is ? 'True' : 'False',
  reason,
  message,
});

function available({ deployment }: Observed): Verdict {
  const { spec, status } = deployment ?? {};
  const [ready, wanted] = [status?.availableReplicas ?? 0, spec?.replicas ?? 0];
  if (ready > 0) return verdict('Available', true, 'PodsAvailable', `${ready} of ${wanted} pods are available.`);
  if (deployment !== undefined && wanted === 0) return verdict('Available', false, 'ScaledToZero', 'No pod is wanted.');
  return verdict('Available', false, 'NoPodAvailable', `None of ${wanted} pods is available.`);
}

function progressing({ deployment, waitsForTurn, turnIsOf = 'another one' }: Observed): Verdict {
  if (waitsForTurn) {
    return verdict(
      'Progressing',
      true,
      'WaitingForTurn',
      `The new version of the operator changes one fleet at a time, and ${turnIsOf} is not done yet.`,
    );
  }
  if (deployment === undefined) return verdict('Progressing', false, 'NoDeployment', 'There is no Deployment.');
  switch (rolloutOf(deployment)) {
    case 'complete':
      return verdict('Progressing', false, 'RolledOut', 'Every pod is as the fleet wants it.');
    case 'stuck':
      return verdict('Progressing', false, 'RolloutStuck', 'The new pods did not become available in time.');
    case 'rolling':
      return verdict('Progressing', true, 'RollingOut', 'Pods are being added or replaced.');
  }
}

function atCapacity({ occupancy }: Observed): Verdict {
  if (occupancy === undefined) {
    return { type: 'AtCapacity', status: 'Unknown', reason: 'NotAsked', message: 'No pod has told its connections.' };
  }
  const { connections, capacity, waiting } = occupancy;
  const full = capacity > 0 && (connections >= capacity || waiting > 0);
  const held = `${connections} of ${capacity} slots are held`;
  if (full) return verdict('AtCapacity', true, 'Full', `${held}, and ${waiting} clients were refused or wait.`);
  return verdict('AtCapacity', false, 'RoomLeft', `${held}.`);
}

function metricsAvailable({ metrics }: Observed): Verdict {
  if (metrics !== undefined) return verdict('MetricsAvailable', metrics.available, metrics.reason, metrics.message);
  const message = 'The metrics API has not been looked at yet.';
  return { type: 'MetricsAvailable', status: 'Unknown', reason: NOT_YET, message };
}

function degraded({ troubles, deployment }: Observed): Verdict {
  const [first] = troubles;
  if (first !== undefined) {
    const message = troubles.map(({ message }) => message).join(' ');
    return verdict('Degraded', true, first.reason, message.slice(0, LONGEST_MESSAGE));
  }
  if (deployment !== undefined && rolloutOf(deployment) === 'stuck') {
    return verdict('Degraded', true, 'RolloutStuck', 'The new pods did not become available in time.');
  }
  return verdict('Degraded', false, 'AsExpected', 'Every object is as the fleet wants it.');
}
