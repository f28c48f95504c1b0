/** What is held of one object. */
export interface Entry<K> {
  readonly version: string;
  readonly kept: K;
}

/** All objects of a selection at one moment, by key. */
export interface Listing<K> {
  readonly version: string;
  readonly entries: ReadonlyMap<string, Entry<K>>;
}

export type Changed<K> = (key: string, now: K | undefined, before: K | undefined) => void;

/** Objects by key, with somebody who hears of each change. */
export class Cache<K> {
  readonly #entries = new Map<string, Entry<K>>();
  readonly #changed: Changed<K>;

  constructor(changed: Changed<K>) {
    this.#changed = changed;
  }

  get entries(): ReadonlyMap<string, Entry<K>> {
    return this.#entries;
  }

  set(key: string, entry: Entry<K>): void {
    const before = this.#entries.get(key);
    this.#entries.set(key, entry);
    this.#changed(key, entry.kept, before?.kept);
  }

  delete(key: string): void {
    const before = this.#entries.get(key);
    if (this.#entries.delete(key)) this.#changed(key, undefined, before?.kept);
  }

  /** Takes over a listing as it is; returns how many objects were not like that here. */
  replace(listing: ReadonlyMap<string, Entry<K>>): number {
    const different = [...listing].filter(([key, { version }]) => this.#entries.get(key)?.version !== version);
    const gone = [...this.#entries.keys()].filter((key) => !listing.has(key));
    for (const [key, entry] of different) this.set(key, entry);
    for (const key of gone) this.delete(key);
    return different.length + gone.length;
  }
}
