import type { ModernVerdict } from './discover.ts';
import { pause } from './pause.ts';

export interface EraWatchOptions {
  /** Asks the upstream. */
  learn(): Promise<ModernVerdict>;
  reachable(): boolean;
  /** Told of what was learned. */
  learned(verdict: ModernVerdict): void;
  readonly signal: AbortSignal;
}

/** A discovery that came to nothing is repeated: an upstream may listen before it serves. */
const AGAIN_MS = 1_000;
const LONGEST_AGAIN_MS = 60_000;

/** Sees to it that an upstream is asked for its era, again whenever another server may have taken its place. */
export class EraWatch {
  readonly #options: EraWatchOptions;
  #doubted = true;
  #learning = false;

  constructor(options: EraWatchOptions) {
    this.#options = options;
  }

  /** What is known may not be so any more; it is asked again once the upstream is reached, at most once a second. */
  doubt(): void {
    this.#doubted = true;
  }

  /** The upstream was reached. */
  reached(): void {
    if (!this.#doubted || this.#learning || !this.#options.reachable()) return;
    this.#learning = true;
    void this.#learn().finally(() => {
      this.#learning = false;
    });
  }

  async #learn(): Promise<void> {
    const { learn, reachable, learned, signal } = this.#options;
    for (let wait = AGAIN_MS; reachable() && !signal.aborted; wait = Math.min(2 * wait, LONGEST_AGAIN_MS)) {
      this.#doubted = false;
      const verdict = await learn();
      if (verdict === 'unknown') this.#doubted = true;
      else learned(verdict);
      await pause(wait, signal);
      if (!this.#doubted) return;
    }
  }
}
