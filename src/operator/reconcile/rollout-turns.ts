import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { kinds } from '../../kube/kinds.ts';
import type { McpFleetResource } from './mcp-fleet-resource.ts';
import { fleetOf, type OwnedObject, ownerUid } from './owned-object.ts';
import type { OwnedObjects } from './owned-objects.ts';
import { cameOut, rolloutOf } from './rollout.ts';

/**
 * On a Deployment that a new version of the operator has changed. Until that has come out well, no other fleet is changed
 * that way: also by the next leader, who knows nothing but what is in the cluster.
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
    // It can not get worse, and may get better.
    if (rolloutOf(live) === 'stuck') return true;
    if (this.#holder === undefined && !this.#isHeldByOther(fleet)) this.#holder = fleet;
    return this.#holder === fleet;
  }

  /**
   * What to apply in place of what is wanted, so that others see whose turn it is. A fleet that was not whole before says
   * nothing about the new version: it goes alone as well, but when it gets stuck the others go on.
   */
  marked(fleet: string, live: OwnedObject, wanted: KubernetesObject): KubernetesObject {
    const begins = this.#holder === fleet && rolloutOf(live) === 'complete';
    if (!begins && !holdsTurn(live)) return wanted;
    const { metadata } = wanted;
    return { ...wanted, metadata: { ...metadata, annotations: { ...metadata.annotations, [TURN]: 'taken' } } };
  }

  /** Ends the turn of a fleet whose Deployment is as wanted, once that has come out. */
  settled(fleet: string, live: OwnedObject): void {
    if (cameOut(live) || (rolloutOf(live) === 'stuck' && !holdsTurn(live))) this.giveBack(fleet);
  }

  /** Ends the turn of a fleet that could not be changed, or is gone. */
  giveBack(fleet: string): void {
    if (this.#holder === fleet) this.#holder = undefined;
  }

  #isHeldByOther(key: string): boolean {
    const { owned, fleetOf: find } = this.#options;
    for (const deployment of owned.all(kinds.deployment)) {
      if (!holdsTurn(deployment)) continue;
      const other = fleetOf(deployment);
      if (other === undefined || other === key) continue;
      const { uid, deletionTimestamp } = find(other)?.metadata ?? {};
      if (uid === ownerUid(deployment) && deletionTimestamp === undefined) return true;
    }
    return false;
  }
}

const holdsTurn = (deployment: OwnedObject) =>
  deployment.metadata.annotations?.[TURN] !== undefined && !cameOut(deployment);
