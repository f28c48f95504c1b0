import { kinds } from './kinds.ts';
import type { KubeApi } from './kube-api.ts';
import { KubeError } from './kube-error.ts';
import type { KubeObject } from './kube-object.ts';
import { microTime } from './micro-time.ts';

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

interface LeaseObject extends KubeObject {
  readonly spec?: LeaseSpec;
}

export interface LeaseOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name: string;
  /** Who we are; no two may be the same. */
  readonly identity: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Seconds after which others may take it over that see no renewal. Kubernetes wants a whole number. */
  readonly leaseSeconds: number;
}

/**
 * A Lease as one candidate sees it. Clocks of different machines are never compared: a lease has run out when it has not
 * changed for its duration by our own clock.
 */
export class Lease {
  readonly #options: LeaseOptions;
  #seen: LeaseObject | undefined;
  /** When it was seen to change last. */
  #seenAt = 0;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Whose it is, as far as is known. */
  get holder(): string | undefined {
    return this.#seen?.spec?.holderIdentity || undefined;
  }

  /** Takes it, or keeps it, where that can be; false when it is another's. Rejects when the API server does not answer. */
  async hold(signal: AbortSignal): Promise<boolean> {
    // While it is ours there is nothing to look up: if it has been changed, the API server says so.
    if (this.holder !== this.#options.identity) {
      await this.#look(signal);
      if (this.#isTaken()) return false;
    }
    try {
      this.#see(await this.#write(this.#seen, signal));
      return true;
    } catch (error) {
      if (!(error instanceof KubeError && (error.status === 409 || error.status === 404))) throw error;
      // Somebody was faster, changed it, or deleted it.
      await this.#look(signal);
      if (this.#isTaken()) return false;
      this.#see(await this.#write(this.#seen, signal));
      return true;
    }
  }

  /** Gives it away, so that nobody has to wait for its end. */
  async release(signal: AbortSignal): Promise<void> {
    if (this.#seen === undefined || this.holder !== this.#options.identity) return;
    const spec = { ...this.#seen.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: this.#now() };
    const released = { ...this.#seen, spec };
    this.#seen = undefined;
    await this.#options.api.replace(kinds.lease, released, { signal });
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { api, namespace, name } = this.#options;
    this.#see(await api.get<LeaseObject>({ kind: kinds.lease, namespace, name }, { signal }));
  }

  #see(lease: LeaseObject | undefined): void {
    const now = this.#options.clock();
    // A clock that was set back tells nothing about how long ago something was: the wait begins anew.
    if (lease?.metadata.resourceVersion !== this.#seen?.metadata.resourceVersion || now < this.#seenAt) {
      this.#seenAt = now;
    }
    this.#seen = lease;
  }

  #isTaken(): boolean {
    const { clock, leaseSeconds, identity } = this.#options;
    if (this.holder === undefined || this.holder === identity) return false;
    return clock() < this.#seenAt + (this.#seen?.spec?.leaseDurationSeconds ?? leaseSeconds) * 1_000;
  }

  async #write(seen: LeaseObject | undefined, signal: AbortSignal): Promise<LeaseObject> {
    const { api, namespace, name, identity, leaseSeconds } = this.#options;
    const now = this.#now();
    const last = seen?.spec;
    const isOurs = last?.holderIdentity === identity;
    const spec: LeaseSpec = {
      ...last,
      holderIdentity: identity,
      leaseDurationSeconds: leaseSeconds,
      acquireTime: isOurs ? (last.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (last?.leaseTransitions ?? 0) + (isOurs || last === undefined ? 0 : 1),
    };
    if (seen !== undefined) return await api.replace<LeaseObject>(kinds.lease, { ...seen, spec }, { signal });
    const { apiVersion, kind } = kinds.lease;
    return await api.create<LeaseObject>(
      kinds.lease,
      { apiVersion, kind, metadata: { name, namespace }, spec },
      { signal },
    );
  }

  #now(): string {
    return microTime(this.#options.clock());
  }
}
