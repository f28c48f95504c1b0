import type { Logger } from 'pino';
import { type Kind, kinds } from '../../kube/kinds.ts';
import type { KubeApi } from '../../kube/kube-api.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { pause } from '../../kube/pause.ts';
import { Reflector } from '../../kube/reflector.ts';
import { fleetOf, heldObjectOf, type OwnedObject, ownerUid } from './owned-object.ts';

/** Every kind that a fleet can have objects of: those that any cluster has, and those that are somebody else's. */
const BUILT_IN: readonly Kind[] = [
  kinds.networkPolicy,
  kinds.serviceAccount,
  kinds.service,
  kinds.deployment,
  kinds.podDisruptionBudget,
  kinds.horizontalPodAutoscaler,
  kinds.ingress,
  kinds.configMap,
];
const OPTIONAL: readonly Kind[] = [kinds.httpRoute, kinds.scaledObject];

/** All objects that the charts make carry it. */
const MADE_BY_US = 'app.kubernetes.io/managed-by=berth';

export interface OwnedObjectsOptions {
  readonly api: KubeApi;
  /** `undefined` is the whole cluster. */
  readonly namespaces: readonly string[] | undefined;
  /** Told of the `namespace/name` of a fleet of which an object has changed; must only enqueue. */
  readonly changed: (fleet: string) => void;
  readonly missed: (count: number) => void;
  readonly log: Logger;
  /** Milliseconds until a kind is asked for again that the cluster lacks. */
  readonly absentMs?: number | undefined;
  /** Milliseconds that an optional kind may take to be listed, before all goes on without it. */
  readonly patienceMs?: number | undefined;
}

/** What there is in the cluster of all fleets, kept by watching. */
export class OwnedObjects {
  readonly #reflectors: ReadonlyMap<Kind, Reflector<KubeObject, OwnedObject>>;
  readonly #byOwner = new Map<string, Set<OwnedObject>>();
  readonly #patienceMs: number;

  constructor(options: OwnedObjectsOptions) {
    const { api, namespaces, changed, missed, log, absentMs, patienceMs = 10_000 } = options;
    this.#patienceMs = patienceMs;
    const selections = (namespaces ?? [undefined]).map((namespace) => ({ namespace, labelSelector: MADE_BY_US }));
    const onChange = (_: string, now: OwnedObject | undefined, before: OwnedObject | undefined) => {
      for (const object of [before, now]) {
        if (object === undefined) continue;
        this.#index(object, object === now);
        const fleet = fleetOf(object);
        if (fleet !== undefined) changed(fleet);
      }
    };
    this.#reflectors = new Map(
      [...BUILT_IN, ...OPTIONAL].map((kind) => [
        kind,
        new Reflector<KubeObject, OwnedObject>({
          ...{ api, kind, selections, log, missed, absentMs },
          keep: heldObjectOf,
          changed: onChange,
        }),
      ]),
    );
  }

  /** Watches until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#reflectors.values()].map((reflector) => reflector.run(signal)));
  }

  /**
   * Until it is known what there is. A kind of somebody else's that cannot be listed must not hold up all fleets; nor what
   * is forbidden: of that nothing is deleted, and whatever a fleet wants is looked for by its name before it is made.
   */
  async whenSynced(signal: AbortSignal): Promise<void> {
    const synced = (some: readonly Kind[]) =>
      Promise.all(some.map((kind) => this.#reflectors.get(kind)?.whenSynced(signal)));
    await Promise.all([synced(BUILT_IN), Promise.race([synced(OPTIONAL), pause(this.#patienceMs, signal)])]);
  }

  /** One object as it is. */
  get(kind: Kind, namespace: string, name: string): OwnedObject | undefined {
    return this.#reflectors.get(kind)?.get(`${namespace}/${name}`);
  }

  /** All objects of a kind, whichever fleet they belong to. */
  *all(kind: Kind): Generator<OwnedObject> {
    for (const [, object] of this.#reflectors.get(kind)?.entries() ?? []) yield object;
  }

  /** Whether the cluster has no such kind. */
  lacks(kind: Kind): boolean {
    return this.#reflectors.get(kind)?.absent ?? true;
  }

  /** Every object that belongs to the fleet with this uid. */
  of(uid: string): readonly OwnedObject[] {
    return [...(this.#byOwner.get(uid) ?? [])];
  }

  #index(object: OwnedObject, isThere: boolean): void {
    const owner = ownerUid(object);
    if (owner === undefined) return;
    const objects = this.#byOwner.get(owner) ?? new Set();
    if (isThere) this.#byOwner.set(owner, objects.add(object));
    else objects.delete(object);
    if (objects.size === 0) this.#byOwner.delete(owner);
  }
}
