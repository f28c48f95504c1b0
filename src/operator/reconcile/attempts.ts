import { KubeError } from '../../kube/kube-error.ts';

/**
 * Until the same is written to the same object again. Twice as long each time: who undoes it once does so each time.
 */
const FIRST_AGAIN_MS = 2_000;
const LAST_AGAIN_MS = 300_000;
/** After so long in peace, whatever undoes it is something new. */
const PEACE_MS = 600_000;

interface Attempt {
  readonly what: string;
  readonly at: number;
  /** How often in a row. */
  readonly times: number;
  readonly refusal: KubeError | undefined;
  /** What the API server made of it. */
  found?: string;
}

/** Remembers what was written last to each object of a fleet, and what came of it, so that nobody is fought with. */
export class Attempts {
  readonly #last = new Map<string, Attempt>();
  readonly #clock: () => number;

  /** `clock` answers milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /**
   * Writes something to a place. Answers `undefined` when the same was written there a moment ago: it is on its way to
   * the cache, or somebody undoes it. A refusal is thrown again meanwhile, and nobody is asked.
   */
  async make<T>(place: string, what: string, write: () => Promise<T>): Promise<T | undefined> {
    const last = this.#last.get(place);
    const age = this.#clock() - (last?.at ?? Number.NEGATIVE_INFINITY);
    const before = last?.what === what && age < PEACE_MS ? last.times : 0;
    if (before > 0 && age < Math.min(LAST_AGAIN_MS, FIRST_AGAIN_MS * 2 ** (before - 1))) {
      if (last?.refusal !== undefined) throw last.refusal;
      return undefined;
    }
    const note = (refusal?: KubeError) =>
      this.#last.set(place, { what, at: this.#clock(), times: before + 1, refusal });
    try {
      const answer = await write();
      note();
      return answer;
    } catch (error) {
      if (isRefusal(error)) note(error);
      throw error;
    }
  }

  /** Notes what the API server made of what was just written to a place. */
  answered(place: string, found: string): void {
    const last = this.#last.get(place);
    if (last !== undefined) last.found = found;
  }

  /** Whether a place looks as it did when the same was written to it: the API server says it in its own way. */
  isAsAnswered(place: string, what: string, found: string): boolean {
    const last = this.#last.get(place);
    return last?.what === what && last.found === found;
  }
}

/** Whether a second try of the same would be answered the same way. */
export function isRefusal(error: unknown): error is KubeError {
  return error instanceof KubeError && REFUSALS.has(error.status);
}

const REFUSALS = new Set([400, 403, 405, 413, 422]);
