import type { Logger } from 'pino';
import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { UsageError } from '../../config/problems.ts';
import { kindOf, kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import type { Occupancy } from '../readings/occupancy.ts';
import { Attempts } from './attempts.ts';
import type { Observed, Trouble } from './conditions.ts';
import { APPLIED, type Desired, desiredOf } from './desired.ts';
import type { Events } from './events.ts';
import { keepDeployment } from './keep-deployment.ts';
import { findObject, type Keeper, type Kept, keepObject } from './keep-object.ts';
import type { McpFleetResource } from './mcp-fleet-resource.ts';
import { type Change, Outcome } from './outcome.ts';
import { type OwnedObject, ownerUid } from './owned-object.ts';
import type { OwnedObjects } from './owned-objects.ts';
import { rolloutOf } from './rollout.ts';
import { RolloutTurns } from './rollout-turns.ts';
import { StatusBoard } from './status-board.ts';
import { surplusOf } from './surplus.ts';

/**
 * A fleet is looked at this often even when nothing has been heard of it, for its connections and for what was missed.
 */
const LOOK_AGAIN_MS = 10_000;

export interface ReconcilerOptions {
  readonly api: KubeApi;
  /** By `namespace/name`. */
  readonly fleetOf: (key: string) => McpFleetResource | undefined;
  readonly owned: OwnedObjects;
  readonly events: Events;
  readonly log: Logger;
  /** Where the operator runs. */
  readonly namespace: string;
  /** What the pods of a fleet hold; `undefined` when none has told. */
  readonly occupancyOf: (key: string) => Occupancy | undefined;
  /** What keeps the metrics of every fleet from being served, if anything does; `undefined` when not looked at yet. */
  readonly metricsState: () => Observed['metrics'];
  /** Whether somebody else writes the deletion costs of a fleet's pods. */
  readonly costIsTaken: (key: string) => boolean;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What a fleet should be, and what was done for that, remembered as long as its spec stays the same. */
interface Memory {
  readonly generation: number;
  readonly uid: string;
  readonly desired: Desired | undefined;
  readonly trouble: Trouble | undefined;
  /** Whether a person has changed the resource since its objects were last made: they want to see it done. */
  readonly isEdit: boolean;
  readonly attempts: Attempts;
}

/** A fleet in one pass. */
interface Pass extends Keeper {
  readonly key: string;
  readonly fleet: McpFleetResource;
  readonly isEdit: boolean;
  readonly outcome: Outcome;
}

/** Makes the objects of a fleet what its resource says, and the resource's status what they are. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #turns: RolloutTurns;
  readonly #board: StatusBoard;
  readonly #memories = new Map<string, Memory>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#turns = new RolloutTurns(options);
    this.#board = new StatusBoard(options);
  }

  /**
   * One pass over one fleet. Answers when to come again, in milliseconds; rejects when something is to be tried again,
   * and once the signal is aborted.
   */
  async reconcile(key: string, signal: AbortSignal): Promise<number | undefined> {
    const fleet = this.#options.fleetOf(key);
    if (fleet === undefined || fleet.metadata.deletionTimestamp !== undefined) {
      // Kubernetes deletes what it owned.
      this.#turns.giveBack(key);
      this.#board.forget(key);
      this.#memories.delete(key);
      return undefined;
    }
    const { desired, trouble, isEdit, attempts } = this.#memoryOf(key, fleet);
    const outcome = new Outcome();
    if (trouble !== undefined) outcome.troubles.push(trouble);
    const pass: Pass = { key, fleet, isEdit, outcome, attempts, signal, api: this.#options.api };
    try {
      if (desired !== undefined) await this.#keepAll(pass, desired);
      // What does not validate changes nothing: the last good objects stay.
      else this.#turns.giveBack(key);
    } finally {
      this.#tell(pass);
    }
    await this.#board.show(fleet, this.#observe(pass), desired?.selector, signal);
    if (outcome.failure !== undefined) throw outcome.failure;
    // Give or take a fifth, so that fleets that were looked at together do not come back together each time.
    return LOOK_AGAIN_MS * (0.8 + 0.4 * Math.random());
  }

  #memoryOf(key: string, fleet: McpFleetResource): Memory {
    const { generation = 0, uid = '' } = fleet.metadata;
    const known = this.#memories.get(key);
    if (known?.generation === generation && known.uid === uid) return known;
    const isEdit = fleet.status?.observedGeneration !== generation;
    const attempts = new Attempts(this.#options.clock);
    const memory = { generation, uid, isEdit, attempts, ...readSpec(fleet, this.#options.namespace) };
    this.#memories.set(key, memory);
    return memory;
  }

  async #keepAll(pass: Pass, desired: Desired): Promise<void> {
    const surplus = surplusOf(this.#options.owned.of(pass.fleet.metadata.uid ?? ''), desired.objects);
    await this.#deleteAll(pass, surplus.first);
    for (const wanted of desired.objects) {
      pass.signal.throwIfAborted();
      try {
        this.#note(pass, wanted, await this.#keep(pass, desired, wanted));
      } catch (error) {
        pass.outcome.failed(wanted, error);
      }
    }
    await this.#deleteAll(pass, [...surplus.last, ...(pass.outcome.rolledOut ? surplus.onceRolledOut : [])]);
  }

  async #keep(pass: Pass, desired: Desired, wanted: KubernetesObject): Promise<Kept | 'waiting' | Trouble> {
    const found = await findObject(pass, this.#options.owned, pass.fleet, wanted);
    if ('trouble' in found) return found.trouble;
    if (wanted.kind !== 'Deployment') return await keepObject(pass, found.live, wanted);
    return await this.#keepDeployment(pass, desired, wanted, found.live);
  }

  async #keepDeployment(
    pass: Pass,
    { replicas }: Desired,
    wanted: KubernetesObject,
    live: OwnedObject | undefined,
  ): Promise<Kept | 'waiting'> {
    const { key, isEdit, outcome } = pass;
    const toApply = (found: OwnedObject) => {
      // What somebody has changed by hand is put back at once; what was never applied so far is our new version's.
      const isDrift = markOf(found) === markOf(wanted);
      const mayChange = isEdit || isDrift || this.#turns.take(key, found);
      return mayChange ? this.#turns.marked(key, found, wanted) : undefined;
    };
    const hasTooMuch = (found: OwnedObject) => this.#turns.isOver(found);
    // Before anything is put back: who changes it again and again must not keep the turn by that.
    if (live !== undefined && markOf(live) === markOf(wanted)) this.#turns.settled(key, live);
    try {
      const kept = await keepDeployment(pass, live, wanted, { replicas, toApply, hasTooMuch });
      if (kept === 'unchanged' && live !== undefined) outcome.rolledOut = rolloutOf(live) === 'complete';
      return kept;
    } catch (error) {
      this.#turns.giveBack(key);
      throw error;
    }
  }

  #note({ key, outcome }: Pass, object: KubernetesObject, kept: Kept | 'waiting' | Trouble): void {
    if (typeof kept === 'object') outcome.troubles.push(kept);
    else if (kept === 'waiting') outcome.waitsForTurn = true;
    else if (kept === 'created' || kept === 'changed') {
      this.#changed(key, outcome, kept === 'created' ? 'Created' : 'Changed', object);
    }
  }

  async #deleteAll({ key, api, attempts, outcome, signal }: Pass, objects: readonly OwnedObject[]): Promise<void> {
    for (const object of objects) {
      signal.throwIfAborted();
      const { namespace, name, uid = '' } = object.metadata;
      const kind = kindOf(object.apiVersion, object.kind);
      if (kind === undefined) continue;
      try {
        const remove = () => api.delete({ kind, namespace, name }, { uid, signal });
        const deleted = await attempts.make(`no ${object.kind} ${name}`, uid, remove);
        if (deleted) this.#changed(key, outcome, 'Deleted', object);
      } catch (error) {
        outcome.failed(object, error);
      }
    }
  }

  #changed(fleet: string, outcome: Outcome, what: Change, object: KubernetesObject | OwnedObject): void {
    this.#options.log.info({ fleet, name: object.metadata.name }, `${what} ${object.kind}`);
    outcome.changed(what, object);
  }

  /** One event for all that was created, changed, or deleted. */
  #tell({ fleet, outcome }: Pass): void {
    for (const [reason, objects] of outcome.changes) {
      this.#options.events.record(fleet, { type: 'Normal', reason, note: `${reason} ${objects.join(', ')}` });
    }
  }

  #observe({ key, fleet, outcome: { troubles, waitsForTurn } }: Pass): Observed {
    const { owned, occupancyOf, metricsState, costIsTaken } = this.#options;
    const { namespace = '', name, uid } = fleet.metadata;
    const live = owned.get(kinds.deployment, namespace, name);
    return {
      waitsForTurn,
      turnIsOf: waitsForTurn ? this.#turns.holderBut(key) : undefined,
      troubles: costIsTaken(key) ? [...troubles, COST_TAKEN] : troubles,
      deployment: live !== undefined && ownerUid(live) === uid ? live : undefined,
      occupancy: occupancyOf(key),
      metrics: metricsState(),
    };
  }
}

const COST_TAKEN: Trouble = {
  reason: 'DeletionCostTaken',
  message: 'Somebody else writes the deletion costs of the pods, so which of them go first is not up to berth.',
};

const markOf = ({ metadata }: KubernetesObject | OwnedObject) => metadata.annotations?.[APPLIED];

function readSpec(fleet: McpFleetResource, namespace: string): Pick<Memory, 'desired' | 'trouble'> {
  try {
    return { desired: desiredOf(fleet, namespace), trouble: undefined };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { desired: undefined, trouble: { reason: 'InvalidSpec', message: error.problems.join(' ') } };
  }
}
