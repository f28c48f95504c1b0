/** Enough for a fleet of hundreds that was rolled out twice within the idle timeout. */
const MOST_TAGS = 2_000;
/** How many go into a greeting. */
const TOLD_TAGS = 500;

/** The owner tags of pods that were there lately: a session id with another tag was made by nobody. */
export class SeenTags {
  readonly #seen = new Map<string, number>();
  readonly #lasting: number;
  readonly #clock: () => number;

  /** `lasting`: milliseconds for which a tag counts after it was seen last, the time that a session may be idle. */
  constructor(lasting: number, clock: () => number) {
    this.#lasting = lasting;
    this.#clock = clock;
  }

  add(tags: Iterable<string>): void {
    for (const tag of tags) {
      this.#seen.delete(tag);
      this.#seen.set(tag, this.#clock());
    }
    for (const [tag, at] of this.#seen) {
      if (this.#seen.size <= MOST_TAGS && at > this.#clock() - this.#lasting) break;
      this.#seen.delete(tag);
    }
  }

  has(tag: string): boolean {
    const at = this.#seen.get(tag);
    return at !== undefined && at > this.#clock() - this.#lasting;
  }

  /** The newest ones. */
  get newest(): string[] {
    return [...this.#seen.keys()].slice(-TOLD_TAGS);
  }
}
