import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Deployment, V1Pod, V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import { kinds } from '../../src/kube/kinds.ts';
import type { KubeApi } from '../../src/kube/kube-api.ts';
import type { KubeObject } from '../../src/kube/kube-object.ts';

/** Milliseconds between two looks of an autoscaler at its metrics; Kubernetes' default is 15 s. */
export const SYNC_PERIOD_MS = Number(process.env['AUTOSCALER_SYNC_SECONDS'] ?? 15) * 1_000;

/** A pod that was told to end, and what every pod of its fleet held just before. */
export interface Deleted {
  readonly pod: string;
  readonly held: Readonly<Record<string, number>>;
}

/** What is looked at. */
interface Watched {
  readonly name: string;
  readonly namespace: string;
  connectionsOf(podIP: string): Promise<{ readonly active: number }>;
}

/** Looks at a fleet, its Deployment and its autoscaler all the time, and remembers what a test goes by. */
export class AutoscalerWatch {
  readonly #api: KubeApi;
  readonly #fleet: Watched;
  readonly #stop = new AbortController();
  readonly #over: Promise<void>;
  readonly deleted: Deleted[] = [];
  /** Every number of replicas that the Deployment was seen with, without repetitions. */
  readonly replicas: number[] = [];
  #desired = 0;
  #active: string | undefined;

  constructor(api: KubeApi, fleet: Watched) {
    this.#api = api;
    this.#fleet = fleet;
    this.#over = this.#run();
  }

  /** What the autoscaler wants. */
  get desired(): number {
    return this.#desired;
  }

  /** The status and the reason of its condition ScalingActive. */
  get active(): string | undefined {
    return this.#active;
  }

  /** What it read last of its first metric, per replica. */
  async currentAverage(): Promise<number | undefined> {
    const hpa = await this.#get<V2HorizontalPodAutoscaler & KubeObject>(kinds.horizontalPodAutoscaler).catch(
      () => undefined,
    );
    const [metric] = hpa?.status?.currentMetrics ?? [];
    const text = metric?.object?.current.averageValue ?? metric?.pods?.current.averageValue;
    const [, amount, milli] = /^(\d+)(m?)$/.exec(text ?? '') ?? [];
    return amount === undefined ? undefined : Number(amount) / (milli === 'm' ? 1_000 : 1);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#over;
  }

  async #run(): Promise<void> {
    let held: Record<string, number> = {};
    const gone = new Set<string>();
    while (!this.#stop.signal.aborted) {
      const [hpa, deployment, pods] = await Promise.all([
        this.#get<V2HorizontalPodAutoscaler & KubeObject>(kinds.horizontalPodAutoscaler),
        this.#get<V1Deployment & KubeObject>(kinds.deployment),
        this.#pods(),
      ]).catch(() => [undefined, undefined, [] as readonly V1Pod[]] as const);
      this.#desired = hpa?.status?.desiredReplicas ?? this.#desired;
      const active = hpa?.status?.conditions?.find(({ type }) => type === 'ScalingActive');
      this.#active = active === undefined ? this.#active : `${active.status} ${active.reason}`;
      const replicas = deployment?.spec?.replicas;
      if (replicas !== undefined && replicas !== this.replicas.at(-1)) this.replicas.push(replicas);
      for (const { metadata } of pods) {
        const { name = '', deletionTimestamp } = metadata ?? {};
        if (deletionTimestamp === undefined || gone.has(name)) continue;
        gone.add(name);
        this.deleted.push({ pod: name, held });
      }
      held = await this.#held(pods);
      await sleep(200, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #held(pods: readonly V1Pod[]): Promise<Record<string, number>> {
    const staying = pods.filter(({ metadata, status }) => metadata?.deletionTimestamp === undefined && status?.podIP);
    const held = await Promise.all(
      staying.map(async ({ metadata, status }) => {
        const told = await this.#fleet.connectionsOf(status?.podIP ?? '').catch(() => undefined);
        return [metadata?.name ?? '', told?.active] as const;
      }),
    );
    return Object.fromEntries(held.filter((entry): entry is [string, number] => entry[1] !== undefined));
  }

  #get<T extends KubeObject>(kind: (typeof kinds)['deployment']): Promise<T | undefined> {
    return this.#api.get<T>({ kind, namespace: this.#fleet.namespace, name: this.#fleet.name });
  }

  async #pods(): Promise<readonly V1Pod[]> {
    const labelSelector = `app.kubernetes.io/instance=${this.#fleet.name}`;
    const { items } = await this.#api.list<V1Pod & KubeObject>(kinds.pod, {
      namespace: this.#fleet.namespace,
      labelSelector,
    });
    return items;
  }
}
