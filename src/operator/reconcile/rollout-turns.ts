import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { kinds } from '../../kube/kinds.ts';
import { APPLIED } from './desired.ts';
import type { McpFleetResource } from './mcp-fleet-resource.ts';
import { fleetOf, type OwnedObject, ownerUid } from './owned-object.ts';
import type { OwnedObjects } from './owned-objects.ts';
import { cameOut, isPaused, rolloutOf } from './rollout.ts';

/**
 * On a Deployment that a new version of the operator has changed. Until that has come out well, no other fleet is changed
 * that way: also by the next leader, who knows nothing but what is in the cluster. Its value is that of `APPLIED`, so that
 * nobody holds up all others who writes just anything there, and none counts that was left over by another change.
 */
const TURN = 'berth.dev/turn';

export interface RolloutTurnsOptions {
  readonly owned: Pick<OwnedObjects, 'all'>;
  /** By `namespace/name`. */
  readonly fleetOf: (key: string) => McpFleetResource | undefined;
}

/** Lets one fleet at a time be changed by a new version of the operator: what breaks one must not break all. */
export class RolloutTurns {
  readonly #options: RolloutTurnsOptions;
  #holder: string | undefined;

  constructor(options: RolloutTurnsOptions) {
    this.#options = options;
  }

  /** Whether a fleet may be changed now. */
  take(fleet: string, live: OwnedObject): boolean {
    // No pod is replaced before its owner resumes it, at a time and a risk of their own: whoever waited for that would
    // wait for good. Done now, they get all that is new at once, and nobody has to remember what is still to be done.
    if (isPaused(live)) {
      this.giveBack(fleet);
      return true;
    }
    // It can not get worse, and may get better.
    if (rolloutOf(live) === 'stuck') return true;
    if (this.holderBut(fleet) === undefined) this.#holder = fleet;
    return this.#holder === fleet;
  }

  /** The `namespace/name` of the other fleet whose turn it is, if it is another's. */
  holderBut(fleet: string): string | undefined {
    if (this.#holder === fleet) return undefined;
    return this.#holder ?? this.#markedBut(fleet);
  }

  /**
   * What to apply in place of what is wanted, so that others see whose turn it is. A fleet that was not whole before says
   * nothing about the new version: it goes alone as well, but when it gets stuck the others go on.
   */
  marked(fleet: string, live: OwnedObject, wanted: KubernetesObject): KubernetesObject {
    const begins = this.#holder === fleet && rolloutOf(live) === 'complete';
    if (!begins && !holdsTurn(live)) return wanted;
    const { metadata } = wanted;
    const annotations = { ...metadata.annotations, [TURN]: metadata.annotations?.[APPLIED] ?? '' };
    return { ...wanted, metadata: { ...metadata, annotations } };
  }

  /** Whether a Deployment still tells of a turn that is over: what befalls it from then on is its owner's. */
  isOver(live: OwnedObject): boolean {
    return isMarked(live) && cameOut(live);
  }

  /** Ends the turn of a fleet to whose Deployment all that is wanted was applied, once that has come out. */
  settled(fleet: string, live: OwnedObject): void {
    if (isPaused(live) || cameOut(live) || (rolloutOf(live) === 'stuck' && !holdsTurn(live))) this.giveBack(fleet);
  }

  /** Ends the turn of a fleet that could not be changed, or is gone. */
  giveBack(fleet: string): void {
    if (this.#holder === fleet) this.#holder = undefined;
  }

  #markedBut(key: string): string | undefined {
    const { owned, fleetOf: find } = this.#options;
    for (const deployment of owned.all(kinds.deployment)) {
      if (!holdsTurn(deployment)) continue;
      const other = fleetOf(deployment);
      if (other === undefined || other === key) continue;
      const { uid, deletionTimestamp } = find(other)?.metadata ?? {};
      const isOwned = uid !== undefined && uid === ownerUid(deployment);
      if (isOwned && deletionTimestamp === undefined) return other;
    }
    return undefined;
  }
}

function isMarked({ metadata: { annotations = {} } }: OwnedObject): boolean {
  return annotations[TURN] !== undefined && annotations[TURN] === annotations[APPLIED];
}

function holdsTurn(deployment: OwnedObject): boolean {
  return isMarked(deployment) && !isPaused(deployment) && !cameOut(deployment);
}
