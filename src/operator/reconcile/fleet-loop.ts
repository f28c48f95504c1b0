import { kinds } from '../../kube/kinds.ts';
import { Reflector } from '../../kube/reflector.ts';
import { createEvents } from './events.ts';
import { KeyQueue } from './key-queue.ts';
import type { McpFleetResource } from './mcp-fleet-resource.ts';
import { OwnedObjects, type OwnedObjectsOptions } from './owned-objects.ts';
import { Reconciler, type ReconcilerOptions } from './reconciler.ts';

/**
 * Fleets that are worked on at a time: together with what each asks for in turn, this bounds what the API server gets.
 */
const WORKERS = 4;

/** Bytes of a spec, as JSON. What a person writes has a few thousand; etcd takes 1.5 million. */
const LARGEST_SPEC = 256 * 1024;

type FromReconciler = 'api' | 'log' | 'clock' | 'namespace' | 'occupancyOf' | 'metricsState' | 'costIsTaken';
type FromOwnedObjects = 'namespaces' | 'missed' | 'absentMs' | 'patienceMs';

export interface FleetLoopOptions
  extends Pick<ReconcilerOptions, FromReconciler>,
    Pick<OwnedObjectsOptions, FromOwnedObjects> {
  /** The name of this replica. */
  readonly identity: string;
  /** Told of each pass that has ended. */
  readonly passed: (result: 'done' | 'failed') => void;
}

/** Watches all fleets and what they own, and works on each that something has changed of. */
export class FleetLoop {
  readonly #fleets: Reflector<McpFleetResource>;
  readonly #owned: OwnedObjects;
  readonly #queue: KeyQueue;

  constructor(options: FleetLoopOptions) {
    const { api, namespaces, missed, absentMs, patienceMs, log, clock, identity, passed } = options;
    const changed = (key: string) => this.#queue.add(key);
    this.#owned = new OwnedObjects({ api, namespaces, changed, missed, absentMs, patienceMs, log });
    this.#fleets = new Reflector<McpFleetResource>({
      ...{ api, log, missed, changed },
      kind: kinds.mcpFleet,
      selections: (namespaces ?? [undefined]).map((namespace) => ({ namespace })),
      keep: heldFleetOf,
    });
    const reconciler = new Reconciler({
      ...options,
      owned: this.#owned,
      fleetOf: (key) => this.#fleets.get(key),
      events: createEvents({ api, identity, log, clock }),
    });
    this.#queue = new KeyQueue({
      clock,
      workers: WORKERS,
      work: async (key, signal) => {
        const again = await reconciler.reconcile(key, signal);
        passed('done');
        return again;
      },
      failed: (key, err, retryMs) => {
        passed('failed');
        log.warn({ fleet: key, err, retryMs: Math.round(retryMs) }, 'Failed to reconcile MCPFleet');
      },
    });
  }

  /** Fleets that are due now or later. */
  get size(): number {
    return this.#queue.size;
  }

  /** Has every fleet looked at, for a change that concerns them all. */
  lookAtAll(): void {
    for (const [key] of this.#fleets.entries()) this.#queue.add(key);
  }

  /** Until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const [owned, fleets] = [this.#owned, this.#fleets];
    // Nothing is made or deleted before everything that is there is known.
    const working = Promise.all([owned.whenSynced(signal), fleets.whenSynced(signal)]).then(
      () => this.#queue.run(signal),
      (error: unknown) => {
        // To be told to go before that is no failure.
        if (!signal.aborted) throw error;
      },
    );
    await Promise.all([owned.run(signal), fleets.run(signal), working]);
  }
}

/** What is kept of a fleet: all but who set which field, and no spec that would fill the memory of whoever leads. */
function heldFleetOf({ metadata: { managedFields: _, ...metadata }, ...rest }: McpFleetResource): McpFleetResource {
  const size = Buffer.byteLength(JSON.stringify(rest.spec ?? {}));
  if (size <= LARGEST_SPEC) return { ...rest, metadata };
  const { apiVersion, kind, status } = rest;
  const [most, found] = [LARGEST_SPEC, size].map((bytes) => `${Math.ceil(bytes / 1_024)} KiB`);
  const unreadable = `The spec must have at most ${most} as JSON. It has ${found}.`;
  return { apiVersion, kind, metadata, unreadable, ...(status === undefined ? {} : { status }) };
}
