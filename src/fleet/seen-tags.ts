import { tagOf } from './session-id.ts';

/** Enough for a fleet of hundreds that was rolled out twice within the idle timeout. */
const MOST_TAGS = 2_000;
/** How many go into a greeting. */
const TOLD_TAGS = 500;

/**
 * The tags that sessions carry are collected and told so often, as a share of the time that a tag counts: a pod that
 * is told of none of the next six still knows them.
 */
export const TAGS_TOLD_EVERY = 1 / 8;

/**
 * The owner tags of pods that were there lately, and of the sessions that they hold, which may outlive any pod: a session
 * id with another tag was made by nobody.
 */
export class SeenTags {
  /** When each was seen last, by `clock`. */
  readonly #seen = new Map<string, number>();
  readonly #lasting: number;
  readonly #clock: () => number;
  #collectedAt = Number.NEGATIVE_INFINITY;
  /** The tags of the sessions that are here. Costs a look at each of them. */
  carried: () => Iterable<string> = () => [];

  /** `lasting`: milliseconds for which a tag counts after it was seen last, the time that a session may be idle. */
  constructor(lasting: number, clock: () => number) {
    this.#lasting = lasting;
    this.#clock = clock;
  }

  /** Takes note of a tag that was seen so many milliseconds ago. */
  add(tag: string, ago = 0): void {
    const at = this.#clock() - Math.max(0, ago);
    if (at <= (this.#seen.get(tag) ?? Number.NEGATIVE_INFINITY)) return;
    this.#seen.set(tag, at);
    if (this.#seen.size > MOST_TAGS) this.#forget();
  }

  /** Milliseconds after which tags have to be told again. */
  get tellEvery(): number {
    return this.#lasting * TAGS_TOLD_EVERY;
  }

  /** Takes note of the tags of the sessions that are here, now and then. */
  collect(): void {
    if (this.#clock() - this.#collectedAt < this.tellEvery) return;
    this.#collectedAt = this.#clock();
    for (const tag of this.carried()) this.add(tag);
  }

  has(tag: string): boolean {
    return (this.#seen.get(tag) ?? Number.NEGATIVE_INFINITY) > this.#clock() - this.#lasting;
  }

  /** The newest ones, and how many milliseconds ago each was seen. */
  get newest(): Record<string, number> {
    const now = this.#clock();
    const all = [...this.#seen].filter(([tag]) => this.has(tag)).sort(([, a], [, b]) => b - a);
    return Object.fromEntries(all.slice(0, TOLD_TAGS).map(([tag, at]) => [tag, Math.round(now - at)]));
  }

  /** The old ones go first. */
  #forget(): void {
    const all = [...this.#seen].sort(([, a], [, b]) => a - b);
    for (const [tag] of all.slice(0, MOST_TAGS / 2)) this.#seen.delete(tag);
  }
}

/** The tags that these sessions carry, each once. */
export function tagsOf(sessions: Iterable<{ readonly record: { readonly id: string } }>): Set<string> {
  const tags = new Set<string>();
  for (const { record } of sessions) {
    const tag = tagOf(record.id);
    if (tag !== undefined) tags.add(tag);
  }
  return tags;
}
