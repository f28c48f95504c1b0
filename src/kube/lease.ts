import type { Logger } from 'pino';
import type { KubeApi } from './kube-api.ts';
import { Lease } from './lease-record.ts';
import { pause } from './pause.ts';

export interface LeaderElectionOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name: string;
  /** Who we are; no two may be the same. */
  readonly identity: string;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  /** Seconds after which others take over from a leader that is not heard of. A whole number. */
  readonly leaseSeconds?: number;
  /** Seconds after which a leader that could not renew its lease stops. The difference has to do for all it has begun. */
  readonly renewSeconds?: number;
  /** Seconds between two tries. */
  readonly retrySeconds?: number;
}

/** A clock that is set back by more than this tells nothing any more about how old a renewal is. */
const SMALL_STEP_MS = 1_000;

/** Sees to it that of all candidates for a Lease one leads, and that another one does when it has gone. */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #lease: Lease;
  readonly #clock: () => number;
  readonly #renewMs: number;
  readonly #retryMs: number;
  /** When the last renewal that succeeded was sent: others count from later on. */
  #renewedAt: number | undefined;
  /** Whether the last try had no answer, which is said once. */
  #failing = false;

  constructor(options: LeaderElectionOptions) {
    const { clock = Date.now, leaseSeconds = 15, renewSeconds = 10, retrySeconds = 2 } = options;
    this.#options = options;
    this.#clock = clock;
    this.#renewMs = renewSeconds * 1_000;
    this.#retryMs = retrySeconds * 1_000;
    this.#lease = new Lease({ ...options, clock, leaseSeconds });
  }

  /** Looks at the clock each time: a process that was halted has lost the lease before any timer of its tells. */
  get leading(): boolean {
    const age = this.#renewedAt === undefined ? Number.POSITIVE_INFINITY : this.#clock() - this.#renewedAt;
    return age > -SMALL_STEP_MS && age < this.#renewMs;
  }

  /**
   * Runs `lead` whenever we lead, until `signal`; never rejects. The signal that `lead` gets is aborted when the lease is
   * lost, or when the end has come; the next try, and the release, wait until it has settled.
   */
  async run(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#renew(signal)) await this.#lead(lead, signal);
      // Some later than others: who lost the lease together should not come back together.
      await pause(this.#retryMs * (1 + Math.random() / 5), signal);
    }
  }

  async #lead(lead: (signal: AbortSignal) => Promise<void>, end: AbortSignal): Promise<void> {
    const { log, name, identity } = this.#options;
    log.info({ lease: name, identity }, 'Became the leader');
    const over = new AbortController();
    const stop = () => over.abort(end.reason);
    end.addEventListener('abort', stop, { once: true });
    if (end.aborted) stop();

    const settled = new AbortController();
    const work = (async () => await lead(over.signal))()
      .catch((err: unknown) => {
        // What the work was cut off from is no failure of its own.
        if (!over.signal.aborted) log.error({ err }, 'Failed while leading');
      })
      .finally(() => {
        over.abort();
        settled.abort();
      });
    await this.#keep(over, settled.signal);
    await work;
    end.removeEventListener('abort', stop);
    await this.#release();
  }

  /** Renews the lease while the work goes on, its last steps included; when that fails for too long, the work is over. */
  async #keep(over: AbortController, settled: AbortSignal): Promise<void> {
    const { log, name } = this.#options;
    const lose = () => {
      if (settled.aborted || over.signal.aborted) return;
      log.warn({ lease: name, holder: this.#lease.holder }, 'Lost the leadership');
      over.abort(new Error('The leadership was lost.'));
    };
    let deadline: NodeJS.Timeout | undefined;
    try {
      while (!settled.aborted) {
        // Timers go by a clock that nobody sets; `leading` goes by the other one. The first to find out counts.
        clearTimeout(deadline);
        const left = this.leading ? (this.#renewedAt ?? 0) + this.#renewMs - this.#clock() : 0;
        deadline = setTimeout(lose, left);
        await pause(Math.min(this.#retryMs, left), settled);
        if (settled.aborted || !this.leading || !(await this.#renewAgain(settled))) break;
      }
    } finally {
      clearTimeout(deadline);
      lose();
    }
  }

  /** Tries until it is renewed, or another's, or time is up; false when it is not ours any more. */
  async #renewAgain(settled: AbortSignal): Promise<boolean> {
    while (this.leading && !settled.aborted) {
      const before = this.#renewedAt;
      if (await this.#renew(settled)) return true;
      if (this.#renewedAt !== before) return false;
      await pause(this.#retryMs / 2, settled);
    }
    return false;
  }

  /** One try; a failure of the API server leaves open whose the lease is. */
  async #renew(end: AbortSignal): Promise<boolean> {
    const { log, name } = this.#options;
    const sent = this.#clock();
    const late = new AbortController();
    const cut = () => late.abort();
    // Half of the time that there is, so that a try that hangs leaves time for another one.
    const timer = setTimeout(cut, this.#renewMs / 2);
    end.addEventListener('abort', cut, { once: true });
    try {
      const held = await this.#lease.hold(late.signal);
      this.#renewedAt = held ? sent : undefined;
      this.#failing = false;
      return held;
    } catch (err) {
      if (!end.aborted) log[this.#failing ? 'debug' : 'warn']({ lease: name, err }, 'Failed to hold the Lease');
      this.#failing = true;
      return false;
    } finally {
      clearTimeout(timer);
      end.removeEventListener('abort', cut);
    }
  }

  async #release(): Promise<void> {
    const { log, name } = this.#options;
    const isOurs = this.leading;
    this.#renewedAt = undefined;
    if (!isOurs) return;
    try {
      await this.#lease.release(AbortSignal.timeout(this.#renewMs / 2));
      log.info({ lease: name }, 'Released the Lease');
    } catch (err) {
      // Others take over when it has run out.
      log.warn({ lease: name, err }, 'Failed to release the Lease');
    }
  }
}
