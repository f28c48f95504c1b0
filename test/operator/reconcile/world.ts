import type { V1DeploymentSpec, V1DeploymentStatus, V1PodSpec } from '@kubernetes/client-node';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { type Kind, kinds } from '../../../src/kube/kinds.ts';
import type { KubeApi } from '../../../src/kube/kube-api.ts';
import { type KubeObject, keyOf } from '../../../src/kube/kube-object.ts';
import { Reflector } from '../../../src/kube/reflector.ts';
import type { Occupancy } from '../../../src/operator/readings/occupancy.ts';
import type { Observed } from '../../../src/operator/reconcile/conditions.ts';
import { createEvents } from '../../../src/operator/reconcile/events.ts';
import type { Condition, McpFleetResource } from '../../../src/operator/reconcile/mcp-fleet-resource.ts';
import { OwnedObjects } from '../../../src/operator/reconcile/owned-objects.ts';
import { Reconciler } from '../../../src/operator/reconcile/reconciler.ts';
import { FakeKubeApi } from '../../fixtures/fake-kube-api/fake-kube-api.ts';

const log = pino({ level: 'silent' });

/** Every kind that a fleet of these tests has objects of. */
export const OWNED = [
  ...[kinds.networkPolicy, kinds.serviceAccount, kinds.service, kinds.deployment, kinds.podDisruptionBudget],
  ...[kinds.horizontalPodAutoscaler, kinds.ingress, kinds.httpRoute, kinds.scaledObject, kinds.configMap],
];

export interface DeploymentObject extends KubeObject {
  readonly spec?: V1DeploymentSpec | undefined;
  readonly status?: V1DeploymentStatus | undefined;
}

/** A cluster with one leader, which does nothing but the passes that a test asks for. */
export class World {
  readonly fake: FakeKubeApi;
  /** Milliseconds since the epoch, for the operator. */
  now = Date.UTC(2026, 0, 1);
  occupancy: Occupancy | undefined;
  metrics: Observed['metrics'] = { available: true, reason: 'Registered', message: 'Served.' };
  costIsTaken = false;
  #leader: Leader | undefined;

  static async start(): Promise<World> {
    const fake = await FakeKubeApi.start();
    onTestFinished(() => fake.stop());
    return new World(fake);
  }

  private constructor(fake: FakeKubeApi) {
    this.fake = fake;
  }

  /** One pass over a fleet, by a leader that has seen all that happened so far. */
  async pass(key = 'team/notes'): Promise<number | undefined> {
    this.#leader ??= await this.lead();
    await this.#leader.seesAll();
    return await this.#leader.reconcile(key);
  }

  /** Passes until one writes nothing, with every Deployment rolled out after each. */
  async settle(key = 'team/notes'): Promise<void> {
    for (let passes = 0; passes < 10; passes++) {
      const before = this.writes();
      await this.pass(key);
      if (this.writes() === before) return;
      const [namespace, name = ''] = key.split('/');
      if (this.deployment(namespace, name) !== undefined) this.rollOut(namespace, name);
      this.now += 1_000;
    }
    throw new Error(`The fleet ${key} does not settle.`);
  }

  /** Has another replica lead from now on, which knows nothing but what is in the cluster. */
  async changeLeader(api?: KubeApi): Promise<Leader> {
    await this.#leader?.stop();
    this.#leader = await this.lead(api);
    return this.#leader;
  }

  async lead(api = this.fake.api()): Promise<Leader> {
    const leader = new Leader(this, api);
    onTestFinished(() => leader.stop());
    await leader.start();
    return leader;
  }

  fleet(namespace = 'team', name = 'notes'): McpFleetResource | undefined {
    return this.fake.get<McpFleetResource>(kinds.mcpFleet, namespace, name);
  }

  /** Makes a fleet, or gives it another spec, as a person would. */
  want(spec: object = {}, { namespace = 'team', name = 'notes' } = {}): McpFleetResource {
    const found = this.fleet(namespace, name);
    const { apiVersion, kind } = kinds.mcpFleet;
    const fleet = found ?? { apiVersion, kind, metadata: { name, namespace } };
    return this.fake.put<McpFleetResource>({ ...fleet, spec: { ...SPEC, ...spec } });
  }

  deployment(namespace = 'team', name = 'notes'): DeploymentObject | undefined {
    return this.fake.get<DeploymentObject>(kinds.deployment, namespace, name);
  }

  /** Says of a Deployment what Kubernetes does when all its pods are there, or that and `over`. */
  rollOut(namespace = 'team', name = 'notes', over: object = {}): void {
    this.fake.edit<DeploymentObject>(kinds.deployment, namespace, name, (found) => {
      const replicas = found.spec?.replicas ?? 1;
      const pods = { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas };
      const conditions = [{ type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }];
      return { ...found, status: { observedGeneration: found.metadata.generation ?? 1, ...pods, conditions, ...over } };
    });
  }

  /** Says of a Deployment that its new pods are on their way. */
  roll(namespace = 'team', name = 'notes'): void {
    const conditions = [{ type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' }];
    this.rollOut(namespace, name, { updatedReplicas: 0, conditions });
  }

  /** Says of a Deployment that its new pods did not come in time. */
  getStuck(namespace = 'team', name = 'notes'): void {
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
    this.rollOut(namespace, name, { updatedReplicas: 0, conditions });
  }

  condition(type: Condition['type'], namespace = 'team', name = 'notes'): Condition | undefined {
    return this.fleet(namespace, name)?.status?.conditions?.find((condition) => condition.type === type);
  }

  /** `Kind namespace/name` of all that there is in the cluster of fleets. */
  objects(): string[] {
    const all = OWNED.flatMap((kind) => this.fake.objects(kind));
    return all.map((object) => `${object.kind} ${keyOf(object)}`).sort();
  }

  /** Requests so far that could change something, events aside. */
  writes(): number {
    return this.#count(/^(apply|create|update|patch|delete) (?!events)/);
  }

  /** All requests so far but for the watches, which go on by themselves. */
  requests(): number {
    return this.#count(/^(?!watch )/);
  }

  /** The events of all fleets, oldest first: `Warning NameTaken …`. */
  async events(): Promise<string[]> {
    // They are written in passing: one that is on its way is not missed, one too many is.
    await new Promise((resolve) => setTimeout(resolve, 20));
    return this.fake
      .objects<KubeObject & { type: string; note: string; eventTime: string }>(kinds.event)
      .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
      .map(({ type, note }) => `${type} ${note}`);
  }

  #count(what: RegExp): number {
    return Object.entries(this.fake.requests).reduce((sum, [key, count]) => sum + (what.test(key) ? count : 0), 0);
  }
}

/** A replica that leads: what it has seen of the cluster, and a reconciler that goes by it. */
export class Leader {
  readonly #world: World;
  readonly #end = new AbortController();
  readonly #owned: OwnedObjects;
  readonly #fleets: Reflector<McpFleetResource>;
  readonly #reconciler: Reconciler;
  #running: Promise<unknown> = Promise.resolve();

  constructor(world: World, api: KubeApi) {
    this.#world = world;
    const common = { api, log, missed: () => {}, changed: () => {} };
    this.#owned = new OwnedObjects({ ...common, namespaces: undefined, absentMs: 50 });
    this.#fleets = new Reflector<McpFleetResource>({
      ...{ api, log, selections: [{}], kind: kinds.mcpFleet, keep: (fleet) => fleet },
    });
    const clock = () => world.now;
    this.#reconciler = new Reconciler({
      ...{ api, log, clock, owned: this.#owned, namespace: 'berth-system' },
      fleetOf: (key) => this.#fleets.get(key),
      events: createEvents({ api, log, clock, identity: 'berth-operator-0' }),
      occupancyOf: () => world.occupancy,
      metricsState: () => world.metrics,
      costIsTaken: () => world.costIsTaken,
    });
  }

  async start(): Promise<void> {
    const { signal } = this.#end;
    this.#running = Promise.all([this.#owned.run(signal), this.#fleets.run(signal)]);
    await Promise.all([this.#owned.whenSynced(signal), this.#fleets.whenSynced(signal)]);
  }

  /** Until the caches hold exactly what there is. */
  async seesAll(): Promise<void> {
    const { fake } = this.#world;
    const versions = (objects: Iterable<KubeObject>) =>
      [...objects].map((object) => `${keyOf(object)} ${object.metadata.resourceVersion}`).sort();
    const ours = (kind: Kind) =>
      fake.objects(kind).filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/managed-by'] === 'berth');
    const there = () => [...OWNED.map((kind) => versions(ours(kind))), versions(fake.objects(kinds.mcpFleet))];
    const seen = () => [
      ...OWNED.map((kind) => versions(this.#owned.all(kind))),
      versions([...this.#fleets.entries()].map(([, fleet]) => fleet)),
    ];
    await expect.poll(seen, { interval: 2, timeout: 5_000 }).toEqual(there());
  }

  /** A pass by what it has seen so far. */
  async reconcile(key: string, signal = this.#end.signal): Promise<number | undefined> {
    return await this.#reconciler.reconcile(key, signal);
  }

  /** Whether it knows that the cluster lacks a kind. */
  lacks(kind: Kind): boolean {
    return this.#owned.lacks(kind);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }
}

/** The smallest spec that validates. */
export const SPEC = {
  image: { repository: 'registry.example.com/notes', tag: '1.4.2' },
  server: { source: '/server/server.ts' },
};

/** What a fleet with nothing special consists of. */
export const DEFAULT_OBJECTS = (fleet = 'team/notes') =>
  [
    ...[`Deployment ${fleet}`, `NetworkPolicy ${fleet}`, `PodDisruptionBudget ${fleet}`],
    ...[`Service ${fleet}`, `Service ${fleet}-peers`, `ServiceAccount ${fleet}`],
  ].sort();

/** What adds one object of each optional kind. */
export const EVERYTHING = {
  autoscaling: { enabled: true, minReplicas: 2, maxReplicas: 5 },
  ingress: { enabled: true, hosts: ['notes.example.com'] },
  httpRoute: { enabled: true, parentRefs: [{ name: 'gateway' }], hostnames: ['notes.example.com'] },
};

/** KEDA and Prometheus must reach the pods. */
export const SCRAPED = { networkPolicy: { adminNamespaces: ['monitoring'] } };

/** The pods of a Deployment. */
export const podOf = (deployment: DeploymentObject | undefined) => deployment?.spec?.template.spec as V1PodSpec;

/** Whether something keeps the fleet from being as it should. */
export function degraded(world: World): Partial<Condition> {
  const { status, reason, message = '' } = world.condition('Degraded') ?? {};
  return { ...(status && { status }), ...(reason && { reason }), message };
}
