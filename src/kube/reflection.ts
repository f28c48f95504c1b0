import type { Logger } from 'pino';
import { Audit } from './audit.ts';
import { Backoff } from './backoff.ts';
import { Cache, type Changed, type Entry, type Listing } from './cache.ts';
import type { Kind } from './kinds.ts';
import type { KubeApi, Selection, WatchEvent } from './kube-api.ts';
import { KubeError } from './kube-error.ts';
import { type KubeObject, keyOf } from './kube-object.ts';
import { pause } from './pause.ts';

export interface ReflectionOptions<T extends KubeObject, K> {
  readonly api: KubeApi;
  readonly kind: Kind;
  readonly selection: Selection;
  readonly keep: (object: T) => K;
  readonly changed: Changed<K>;
  readonly missed: (count: number) => void;
  /** Called when it is known what there is, and when it is known that there is no such kind or that we may not see it. */
  readonly settled: () => void;
  readonly log: Logger;
  /** Milliseconds between two audits. */
  readonly relistMs: number;
  /** Milliseconds until a kind is asked for again that there was not. */
  readonly absentMs: number;
  /** Milliseconds between two tries, at least and at most. */
  readonly retryMs: readonly [number, number];
}

/** Watches that fail this often in a row on what the server says are given up for a list. */
const MOST_REFUSALS = 3;
/** So many lists must be forbidden before that counts: one may come of rights that are just being written. */
const MOST_DENIALS = 3;
/** Seconds that we leave a server alone for at most, whatever it asks: what is here gets old meanwhile. */
const LONGEST_PATIENCE = 60;
/** A watch that the server ends sooner than this, and without a word, counts as one that failed. */
const SHORTEST_MS = 1_000;

/**
 * What is known of a selection. `denied`: it may not be listed, so it holds what was seen before that, if anything; it
 * is asked for on and on. A server that is away says nothing of what there is, so then the state stays what it was.
 */
export type ReflectionState = 'unknown' | 'synced' | 'absent' | 'denied';

/** One selection of one kind, listed once and then watched: kept up to date until the end, whatever happens on the way. */
export class Reflection<T extends KubeObject, K> {
  readonly #options: ReflectionOptions<T, K>;
  readonly #cache: Cache<K>;
  readonly #backoff: Backoff;
  /** Where the next watch begins; a list has to come first where there is none. */
  #version: string | undefined;
  #audit: Audit<K> | undefined;
  #refusals = 0;
  /** Lists that were forbidden since one was not. */
  #denials = 0;
  #state: ReflectionState = 'unknown';

  constructor(options: ReflectionOptions<T, K>) {
    this.#options = options;
    const [leastMs, mostMs] = options.retryMs;
    this.#backoff = new Backoff({ leastMs, mostMs });
    this.#cache = new Cache((key, now, before) => {
      try {
        options.changed(key, now, before);
      } catch (err) {
        // One who cannot hear of a change must not stop the others.
        this.#options.log.error({ ...this.#details(), key, err }, 'Failed to pass on a change');
      }
    });
  }

  get entries(): ReadonlyMap<string, Entry<K>> {
    return this.#cache.entries;
  }

  get state(): ReflectionState {
    return this.#state;
  }

  /** Until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follow(signal), this.#auditNowAndThen(signal)]);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#version ??= await this.#list(signal);
        await this.#watch(this.#version, signal);
      } catch (error) {
        if (!signal.aborted) await pause(this.#recover(error), signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { missed, settled, log } = this.#options;
    const { version, entries } = await this.#read(signal);
    const count = this.#cache.replace(entries);
    if (this.#state === 'synced' && count > 0) {
      missed(count);
      log.info({ ...this.#details(), count }, 'Listed anew, found changes that no watch had told');
    }
    if (this.#state === 'denied') log.info(this.#details(), 'Listed what was forbidden before');
    this.#state = 'synced';
    this.#refusals = 0;
    this.#denials = 0;
    settled();
    return version;
  }

  /** One watch, until the server ends it. */
  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { api, kind, selection } = this.#options;
    const begun = performance.now();
    let told = false;
    for await (const event of api.watch<T>(kind, { ...selection, resourceVersion: from, signal })) {
      told = true;
      this.#works();
      this.#take(event);
    }
    if (signal.aborted) return;
    if (told || performance.now() - begun >= SHORTEST_MS) this.#works();
    else await pause(this.#backoff.next(), signal);
  }

  #take(event: WatchEvent<T>): void {
    const version = event.type === 'BOOKMARK' ? event.resourceVersion : (event.object.metadata.resourceVersion ?? '');
    if (event.type === 'DELETED') {
      const key = keyOf(event.object);
      this.#audit?.deleted(key);
      this.#cache.delete(key);
    } else if (event.type !== 'BOOKMARK') {
      const key = keyOf(event.object);
      const entry = this.#entry(event.object);
      if (entry === undefined) this.#cache.delete(key);
      else this.#cache.set(key, entry);
    }
    this.#version = version;
    if (this.#audit?.isDue(version)) this.#settle(this.#audit);
  }

  async #auditNowAndThen(signal: AbortSignal): Promise<void> {
    const { relistMs, log } = this.#options;
    while (!signal.aborted) {
      // Spread over time, since reflections that began together would all list together.
      await pause(relistMs * (0.8 + Math.random() * 0.4), signal);
      if (signal.aborted || this.#version === undefined) continue;
      const audit = new Audit<K>();
      this.#audit = audit;
      try {
        const listing = await this.#read(signal);
        audit.listed(listing);
        // Nothing happens for long in a quiet cluster: the watch may have come as far already.
        const version = this.#version;
        if (this.#audit === audit && version !== undefined && audit.isDue(version)) this.#settle(audit);
      } catch (err) {
        // The next one may do better; what is here is as good as the watch is.
        if (!signal.aborted) log.debug({ ...this.#details(), err }, 'Failed to list for an audit');
      }
    }
  }

  #settle(audit: Audit<K>): void {
    this.#audit = undefined;
    const count = audit.settle(this.#cache);
    if (count === 0) return;
    this.#options.missed(count);
    this.#options.log.warn({ ...this.#details(), count }, 'Found changes that the watch had missed');
  }

  /** Decides how to go on after an error, and returns the milliseconds to wait before. */
  #recover(error: unknown): number {
    const { log, absentMs } = this.#options;
    const { status, retryAfter = 0 } = error instanceof KubeError ? error : { status: -1 };
    if (status === 404 && this.#version === undefined) {
      this.#disappear();
      return absentMs;
    }
    const wait = Math.max(this.#backoff.next(), Math.min(retryAfter, LONGEST_PATIENCE) * 1_000);
    // The first time, and every few minutes; that a resource version gets too old is nobody's fault, and a denial is told
    // of by itself.
    const isDenial = status === 403 && this.#version === undefined;
    if (isDenial) this.#deny(error);
    const level = this.#backoff.failures % 10 === 1 && status !== 410 && !isDenial ? 'warn' : 'debug';
    log[level]({ ...this.#details(), err: error, retryMs: Math.round(wait) }, 'Failed to list or watch');
    // An answer that stays the same however often it is asked for may be due to where we begin. No answer is not.
    const isAnswer = status > 0 || (error instanceof KubeError && error.reason === 'Garbled');
    if (isAnswer) this.#refusals++;
    if (status === 410 || status === 404 || this.#refusals >= MOST_REFUSALS) {
      this.#version = undefined;
      this.#audit = undefined;
    }
    return wait;
  }

  #disappear(): void {
    const { log, kind, settled } = this.#options;
    if (this.#state !== 'absent') log.info({ kind: kind.kind, apiVersion: kind.apiVersion }, 'Found no such kind');
    this.#state = 'absent';
    this.#backoff.reset();
    this.#cache.replace(new Map());
    settled();
  }

  #deny(err: unknown): void {
    const { log, settled } = this.#options;
    if (++this.#denials < MOST_DENIALS || this.#state === 'denied') return;
    log.warn({ ...this.#details(), err }, 'Went on without what may not be listed');
    this.#state = 'denied';
    settled();
  }

  #works(): void {
    if (this.#backoff.failures > 0) this.#options.log.debug(this.#details(), 'Watching again');
    this.#backoff.reset();
    this.#refusals = 0;
  }

  async #read(signal: AbortSignal): Promise<Listing<K>> {
    const { api, kind, selection } = this.#options;
    const entries = new Map<string, Entry<K>>();
    let version = '';
    // Page by page: of 10,000 whole pods at once there is no need.
    for await (const page of api.pages<T>(kind, { ...selection, signal })) {
      version = page.resourceVersion;
      for (const object of page.items) {
        const entry = this.#entry(object);
        if (entry !== undefined) entries.set(keyOf(object), entry);
      }
    }
    return { version, entries };
  }

  /** `undefined` for an object that cannot be kept, which then is none. */
  #entry(object: T): Entry<K> | undefined {
    try {
      return { version: object.metadata.resourceVersion ?? '', kept: this.#options.keep(object) };
    } catch (err) {
      this.#options.log.error({ ...this.#details(), key: keyOf(object), err }, 'Failed to read an object');
      return undefined;
    }
  }

  #details(): object {
    const { kind, selection } = this.#options;
    return { kind: kind.kind, ...(selection.namespace === undefined ? {} : { namespace: selection.namespace }) };
  }
}
