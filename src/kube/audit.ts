import type { Cache, Listing } from './cache.ts';
import { isLater } from './resource-version.ts';

/**
 * Compares what a watch has told with a list of the same objects. A list is ahead of the watch at first, so it is held
 * until the watch has come to the list's resource version: whatever is then still older here, the watch has missed.
 */
export class Audit<K> {
  /** Deleted since the list was asked for: what the list still has of them is not missing here. */
  readonly #deleted = new Set<string>();
  #listing: Listing<K> | undefined;

  deleted(key: string): void {
    this.#deleted.add(key);
  }

  listed(listing: Listing<K>): void {
    this.#listing = listing;
  }

  /** Whether a watch that has come so far has told everything that the list has. */
  isDue(version: string): boolean {
    return this.#listing !== undefined && !isLater(this.#listing.version, version);
  }

  /** Puts right what was missed, and returns how much that was. */
  settle(cache: Cache<K>): number {
    if (this.#listing === undefined) return 0;
    const { version, entries } = this.#listing;
    const missing = [...entries].filter(([key, listed]) => {
      const here = cache.entries.get(key);
      return here === undefined ? !this.#deleted.has(key) : isLater(listed.version, here.version);
    });
    const gone = [...cache.entries].filter(([key, here]) => !entries.has(key) && !isLater(here.version, version));
    for (const [key, entry] of missing) cache.set(key, entry);
    for (const [key] of gone) cache.delete(key);
    return missing.length + gone.length;
  }
}
