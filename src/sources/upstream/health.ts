import { connect } from 'node:net';
import type { Logger } from 'pino';

export interface UpstreamHealthOptions {
  /** As people are told of it. */
  readonly url: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Milliseconds, by whatever clock. */
  readonly clock: () => number;
  /** Resolves when the upstream can be reached; rejects when it can not. */
  probe(signal: AbortSignal): Promise<void>;
  /** Resolves after so many milliseconds, or when the signal is aborted. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Called whenever the upstream becomes reachable. */
  onReachable?(): void;
}

const INTERVAL_MS = 2_000;
/** At the start nobody is served yet: readiness should follow the upstream soon. */
const FIRST_INTERVAL_MS = 250;
const PROBE_LIMIT_MS = 1_000;
const FAILURES = 3;
/** Of one that has never been reached, when it becomes worth a word: after 5 s. */
const FIRST_FAILURES = 20;
const SUCCESSES = 2;
/** A thousand requests that fail together are one failure: a quick restart must not cost a pod its readiness. */
const SPACING_MS = INTERVAL_MS / 2;

/**
 * Whether the upstream can be reached, as far as connections tell: it takes three failures in a row to lose that, and two
 * successes to win it back. Drives readiness, never liveness.
 */
export class UpstreamHealth {
  readonly #options: UpstreamHealthOptions;
  #state: 'unknown' | 'reachable' | 'unreachable' = 'unknown';
  #last: { readonly succeeded: boolean; readonly at: number } | undefined;
  #inARow = 0;

  constructor(options: UpstreamHealthOptions) {
    this.#options = options;
  }

  get reachable(): boolean {
    return this.#state === 'reachable';
  }

  /** Probes until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { probe, pause } = this.#options;
    while (!signal.aborted) {
      try {
        await probe(AbortSignal.any([signal, AbortSignal.timeout(PROBE_LIMIT_MS)]));
        this.reached();
      } catch (error) {
        if (!signal.aborted) this.unreachable(error);
      }
      await pause(this.#state === 'unknown' ? FIRST_INTERVAL_MS : INTERVAL_MS, signal);
    }
  }

  /** A connection came about. */
  reached(): void {
    if (this.#state === 'reachable' && this.#last?.succeeded === true) return;
    if (!this.#counts(true)) return;
    if (this.#state === 'reachable' || (this.#state === 'unreachable' && this.#inARow < SUCCESSES)) return;
    this.#state = 'reachable';
    this.#options.log.info({ upstream: this.#options.url }, 'Reached upstream');
    this.#options.onReachable?.();
  }

  /** A connection did not come about. */
  unreachable(error: unknown): void {
    if (!this.#counts(false) || this.#state === 'unreachable') return;
    if (this.#inARow !== (this.#state === 'unknown' ? FIRST_FAILURES : FAILURES)) return;
    // One that was never reached stays unknown: its first success is enough.
    if (this.#state === 'reachable') this.#state = 'unreachable';
    this.#options.log.warn({ upstream: this.#options.url, reason: reasonOf(error) }, 'Could not reach upstream');
  }

  #counts(succeeded: boolean): boolean {
    const at = this.#options.clock();
    const same = this.#last?.succeeded === succeeded;
    if (same && this.#last !== undefined && at - this.#last.at < SPACING_MS && this.#state !== 'unknown') return false;
    this.#inARow = same ? this.#inARow + 1 : 1;
    this.#last = { succeeded, at };
    return true;
  }
}

/** Opens a TCP connection to where a URL points, and closes it. */
export function probeAddress({ protocol, hostname, port }: URL, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
      signal,
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

function reasonOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? error);
}
