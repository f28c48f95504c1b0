import type { Logger } from 'pino';
import type { Changed } from './cache.ts';
import type { Kind } from './kinds.ts';
import type { KubeApi, Selection } from './kube-api.ts';
import type { KubeObject } from './kube-object.ts';
import { Reflection } from './reflection.ts';

export interface ReflectorOptions<T extends KubeObject, K> {
  readonly api: KubeApi;
  readonly kind: Kind;
  /** `[{}]` for the whole cluster, or one for each namespace. */
  readonly selections: readonly Selection[];
  /** What is held of an object. */
  readonly keep: (object: T) => K;
  /** Must only note what there is to do. Keys are `namespace/name`, or `name`. */
  readonly changed?: Changed<K> | undefined;
  /** Changes that a list showed and no watch had told. */
  readonly missed?: ((count: number) => void) | undefined;
  readonly log: Logger;
  /** Milliseconds between two lists that check what the watch has told, give or take a fifth. */
  readonly relistMs?: number | undefined;
  /** Milliseconds until a kind is asked for again that the cluster lacks. */
  readonly absentMs?: number | undefined;
  /** Milliseconds between two tries, at least and at most. */
  readonly retryMs?: readonly [number, number] | undefined;
}

/** Holds a part of every object of a kind, as it is now: by one list, and then by watches. */
export class Reflector<T extends KubeObject, K = T> {
  readonly #reflections: readonly Reflection<T, K>[];
  readonly #settled = Promise.withResolvers<void>();

  constructor(options: ReflectorOptions<T, K>) {
    const { selections, changed = () => {}, missed = () => {}, ...rest } = options;
    const { relistMs = 600_000, absentMs = 60_000, retryMs = [200, 30_000] as const } = options;
    const settled = () => {
      if (this.synced) this.#settled.resolve();
    };
    const common = { ...rest, changed, missed, settled, relistMs, absentMs, retryMs };
    this.#reflections = selections.map((selection) => new Reflection({ ...common, selection }));
  }

  /** Until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflections.map((reflection) => reflection.run(signal)));
  }

  get(key: string): K | undefined {
    for (const { entries } of this.#reflections) {
      const entry = entries.get(key);
      if (entry !== undefined) return entry.kept;
    }
    return undefined;
  }

  *entries(): Generator<[string, K]> {
    for (const { entries } of this.#reflections) for (const [key, { kept }] of entries) yield [key, kept];
  }

  get size(): number {
    return this.#reflections.reduce((sum, { entries }) => sum + entries.size, 0);
  }

  /** Whether all that we may see, as it was at some moment, has been seen; also when that is nothing, or the kind is absent. */
  get synced(): boolean {
    return this.#reflections.every(({ state }) => state !== 'unknown');
  }

  /** Whether the cluster has no such kind. */
  get absent(): boolean {
    return this.#reflections.some(({ state }) => state === 'absent');
  }

  /** Rejects with the signal's reason when that is aborted first. */
  async whenSynced(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise: left, reject } = Promise.withResolvers<never>();
    const leave = () => reject(signal?.reason);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      await Promise.race([this.#settled.promise, left]);
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }
}
