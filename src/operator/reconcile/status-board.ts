import type { KubeApi } from '../../kube/kube-api.ts';
import { type KubeObject, keyOf } from '../../kube/kube-object.ts';
import { isLater } from '../../kube/resource-version.ts';
import type { Observed } from './conditions.ts';
import type { Events } from './events.ts';
import { isShown, saysMore, statusOf } from './fleet-status.ts';
import type { Condition, FleetStatus, McpFleetResource } from './mcp-fleet-resource.ts';
import { FIELD_MANAGER } from './owned-object.ts';
import { Pace } from './pace.ts';

/** Numbers of connections are shown this often per fleet, and in all fleets together so many times a second. */
const SHOW_AGAIN_MS = 30_000;
const SHOWN_PER_SECOND = 5;

export interface StatusBoardOptions {
  readonly api: KubeApi;
  readonly events: Events;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What was written last to a fleet's status. */
interface Shown {
  readonly uid: string | undefined;
  readonly version: string;
  readonly status: FleetStatus;
  readonly at: number;
}

/** Writes the status of fleets: at once what has become of them, and numbers only now and then. */
export class StatusBoard {
  readonly #options: StatusBoardOptions;
  readonly #pace: Pace;
  readonly #shown = new Map<string, Shown>();

  constructor(options: StatusBoardOptions) {
    this.#options = options;
    this.#pace = new Pace(SHOWN_PER_SECOND, options.clock);
  }

  /** Shows what was observed, unless it is shown already. The selector stays where none is given. */
  async show(
    fleet: McpFleetResource,
    observed: Observed,
    selector: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { api, clock } = this.#options;
    const { namespace = '', name, uid, generation = 0 } = fleet.metadata;
    const before = this.#before(fleet);
    const status = statusOf(generation, before, observed, selector ?? before.selector ?? '', new Date(clock()));
    if (isShown(status, before) || !this.#mayShow(fleet, status, before)) return;
    const { apiVersion, kind } = fleet;
    // With the uid: what is said of a deleted fleet must not end up on another of its name.
    const metadata = { namespace, name, ...(uid === undefined ? {} : { uid }) };
    const options = { fieldManager: FIELD_MANAGER, force: true, subresource: 'status', signal };
    const answer = await api.apply<KubeObject>({ apiVersion, kind, metadata, status }, options);
    this.#shown.set(keyOf(fleet), { uid, version: answer.metadata.resourceVersion ?? '', status, at: clock() });
    this.#warn(fleet, status, before);
  }

  /** Drops what is remembered of a fleet that is gone. */
  forget(key: string): void {
    this.#shown.delete(key);
  }

  /** What the fleet shows. The cache may not have seen yet what was written a moment ago. */
  #before(fleet: McpFleetResource): Partial<FleetStatus> {
    const { uid, resourceVersion = '' } = fleet.metadata;
    const last = this.#shown.get(keyOf(fleet));
    const isNewer = last?.uid === uid && last !== undefined && isLater(last.version, resourceVersion);
    return (isNewer ? last.status : fleet.status) ?? {};
  }

  #mayShow(fleet: McpFleetResource, status: FleetStatus, before: Partial<FleetStatus>): boolean {
    if (saysMore(status, before)) return true;
    const since = this.#options.clock() - (this.#shown.get(keyOf(fleet))?.at ?? Number.NEGATIVE_INFINITY);
    return since >= SHOW_AGAIN_MS && this.#pace.take();
  }

  /** Once for each trouble, and again when somebody has changed the fleet and it is still there. */
  #warn(fleet: McpFleetResource, now: FleetStatus, before: Partial<FleetStatus>): void {
    const [is, was] = [degraded(now), degraded(before)];
    if (is?.status !== 'True') return;
    if (was?.status === 'True' && was.reason === is.reason && was.observedGeneration === is.observedGeneration) return;
    this.#options.events.record(fleet, { type: 'Warning', reason: is.reason, note: is.message });
  }
}

const degraded = ({ conditions = [] }: Partial<FleetStatus>): Condition | undefined =>
  conditions.find(({ type }) => type === 'Degraded');
