import type { Logger } from 'pino';
import type { KubernetesObject } from '../../../charts/kubernetes-object.ts';
import { UsageError } from '../../config/problems.ts';
import { kindOf, kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import { keyOf } from '../../kube/kube-object.ts';
import type { Occupancy } from '../readings/occupancy.ts';
import type { Observed, Trouble } from './conditions.ts';
import { type Desired, desiredOf } from './desired.ts';
import type { Events } from './events.ts';
import { isShown, saysMore, statusOf } from './fleet-status.ts';
import { keepDeployment } from './keep-deployment.ts';
import { findObject, type Kept, keepObject } from './keep-object.ts';
import type { FleetStatus, McpFleetResource } from './mcp-fleet-resource.ts';
import { FIELD_MANAGER, type OwnedObject } from './owned-object.ts';
import type { OwnedObjects } from './owned-objects.ts';
import { Pace } from './pace.ts';
import { rolloutOf } from './rollout.ts';
import { RolloutTurns } from './rollout-turns.ts';

/** A fleet is looked at this often even when nothing has been heard of it, for its connections and for what was missed. */
const LOOK_AGAIN_MS = 10_000;
/** Numbers of connections are shown this often per fleet, and in all fleets together so many times a second. */
const SHOW_AGAIN_MS = 30_000;
const SHOWN_PER_SECOND = 5;

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
  /** What keeps the metrics of every fleet from being served, if anything does. */
  readonly metricsState: () => Observed['metrics'];
  /** Whether somebody else writes the deletion costs of a fleet's pods. */
  readonly costIsTaken: (key: string) => boolean;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What a fleet should be, remembered as long as its spec stays the same. */
interface Read {
  readonly generation: number;
  readonly uid: string;
  readonly desired: Desired | undefined;
  readonly trouble: Trouble | undefined;
}

/** Makes the objects of a fleet what its resource says, and the resource's status what they are. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #turns = new RolloutTurns();
  readonly #shows: Pace;
  readonly #read = new Map<string, Read>();
  readonly #shown = new Map<string, number>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#shows = new Pace(SHOWN_PER_SECOND, options.clock);
  }

  /** One pass over one fleet. Answers when to come again, in milliseconds; rejects when something is to be tried again. */
  async reconcile(key: string): Promise<number | undefined> {
    const fleet = this.#options.fleetOf(key);
    if (fleet === undefined || fleet.metadata.deletionTimestamp !== undefined) {
      // Kubernetes deletes what it owned.
      this.#forget(key);
      return undefined;
    }
    const { desired, trouble } = this.#desired(key, fleet);
    // What does not validate changes nothing: the last good objects stay.
    const { troubles, waitsForTurn } = desired === undefined ? NOTHING_DONE : await this.#keepAll(key, fleet, desired);
    await this.#show(key, fleet, desired, {
      waitsForTurn,
      troubles: [...(trouble === undefined ? [] : [trouble]), ...troubles, ...this.#costTrouble(key)],
    });
    return LOOK_AGAIN_MS;
  }

  #desired(key: string, fleet: McpFleetResource): Read {
    const { generation = 0, uid = '' } = fleet.metadata;
    const known = this.#read.get(key);
    if (known?.generation === generation && known.uid === uid) return known;
    const read = { generation, uid, ...readSpec(fleet, this.#options.namespace) };
    this.#read.set(key, read);
    if (read.trouble !== undefined) {
      this.#options.events.record(fleet, { type: 'Warning', reason: read.trouble.reason, note: read.trouble.message });
    }
    return read;
  }

  async #keepAll(key: string, fleet: McpFleetResource, desired: Desired): Promise<Outcome> {
    const troubles: Trouble[] = [];
    let waitsForTurn = false;
    for (const wanted of desired.objects) {
      const kept = await this.#keep(key, fleet, desired, wanted);
      if (kept === 'waiting') waitsForTurn = true;
      else if (typeof kept === 'object') troubles.push(kept.trouble);
      else if (kept !== 'unchanged') this.#tell(fleet, kept === 'created' ? 'Created' : 'Changed', wanted);
    }
    await this.#prune(fleet, desired);
    return { troubles, waitsForTurn };
  }

  async #keep(
    key: string,
    fleet: McpFleetResource,
    desired: Desired,
    wanted: KubernetesObject,
  ): Promise<Kept | 'waiting'> {
    const { api, owned } = this.#options;
    const found = await findObject(api, owned, fleet, wanted);
    if ('trouble' in found) return found;
    if (wanted.kind !== 'Deployment') return await keepObject(api, found.live, wanted);
    const { replicas } = desired;
    const mayRoll = () => isNewSpec(fleet) || this.#turns.take(key);
    const kept = await keepDeployment(api, found.live, wanted, { replicas, mayRoll });
    const settled = kept === 'unchanged' && rolloutOf(asDeployment(found.live)) === 'complete';
    if (settled || typeof kept === 'object') this.#turns.giveBack(key);
    return kept;
  }

  /** Deletes what belongs to the fleet and is no longer wanted. */
  async #prune(fleet: McpFleetResource, { objects }: Desired): Promise<void> {
    const { api, owned } = this.#options;
    const wanted = new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
    for (const object of owned.of(fleet.metadata.uid ?? '')) {
      const { apiVersion, kind: kindName, metadata } = object;
      const kind = kindOf(apiVersion, kindName);
      if (kind === undefined || wanted.has(`${kindName} ${metadata.name}`)) continue;
      if (metadata.deletionTimestamp !== undefined) continue;
      const { namespace, name, uid } = metadata;
      if (await api.delete({ kind, namespace, name }, uid === undefined ? {} : { uid }))
        this.#tell(fleet, 'Deleted', object);
    }
  }

  #tell(
    fleet: McpFleetResource,
    what: 'Created' | 'Changed' | 'Deleted',
    { kind, metadata }: KubernetesObject | OwnedObject,
  ): void {
    const { log, events } = this.#options;
    log.info({ fleet: keyOf(fleet), name: metadata.name }, `${what} ${kind}`);
    events.record(fleet, { type: 'Normal', reason: what, note: `${what} ${kind} ${metadata.name}` });
  }

  #costTrouble(key: string): readonly Trouble[] {
    if (!this.#options.costIsTaken(key)) return [];
    const message =
      'Somebody else writes the deletion costs of the pods, so which of them go first is not up to berth.';
    return [{ reason: 'DeletionCostTaken', message }];
  }

  async #show(key: string, fleet: McpFleetResource, desired: Desired | undefined, outcome: Outcome): Promise<void> {
    const { api, owned, occupancyOf, metricsState, clock } = this.#options;
    const { namespace = '', name } = fleet.metadata;
    const live = owned.get(kinds.deployment, namespace, name);
    const deployment = live === undefined ? undefined : asDeployment(live);
    const observed = { ...outcome, deployment, occupancy: occupancyOf(key), metrics: metricsState() };
    const selector = desired?.selector ?? fleet.status?.selector ?? '';
    const status = statusOf(fleet, observed, selector, new Date(clock()));
    if (isShown(status, fleet.status) || !this.#mayShow(key, status, fleet.status)) return;
    const { apiVersion, kind } = fleet;
    const object = { apiVersion, kind, metadata: { namespace, name }, status };
    await api.apply(object, { fieldManager: FIELD_MANAGER, force: true, subresource: 'status' });
    this.#shown.set(key, clock());
  }

  #mayShow(key: string, status: FleetStatus, before: Partial<FleetStatus> | undefined): boolean {
    if (saysMore(status, before)) return true;
    const since = this.#options.clock() - (this.#shown.get(key) ?? Number.NEGATIVE_INFINITY);
    return since >= SHOW_AGAIN_MS && this.#shows.take();
  }

  #forget(key: string): void {
    this.#turns.giveBack(key);
    this.#read.delete(key);
    this.#shown.delete(key);
  }
}

interface Outcome {
  readonly troubles: readonly Trouble[];
  readonly waitsForTurn: boolean;
}

const NOTHING_DONE: Outcome = { troubles: [], waitsForTurn: false };

/** Whether a person has changed the resource since its objects were last made: they want to see it done. */
const isNewSpec = ({ metadata, status }: McpFleetResource) => status?.observedGeneration !== metadata.generation;

const asDeployment = (live: OwnedObject | undefined) => (live ?? {}) as Observed['deployment'] & object;

function readSpec(fleet: McpFleetResource, namespace: string): Pick<Read, 'desired' | 'trouble'> {
  try {
    return { desired: desiredOf(fleet, namespace), trouble: undefined };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { desired: undefined, trouble: { reason: 'InvalidSpec', message: error.problems.join(' ') } };
  }
}
