import type { Change } from './notifier.ts';

/** Longer than a hand-over takes, and than a peer that is held up is told of a change again (fleet/publisher.ts). */
const LASTING_MS = 15_000;

/** The changes of the last seconds, so that a session that moves meanwhile hears of each of them once. */
export class RecentChanges {
  readonly #clock: () => number;
  readonly #changes = new Map<string, { readonly change: Change; readonly at: number }>();
  /** By session: the changes that it had heard of before it came here. */
  readonly #heard = new Map<string, { readonly ids: ReadonlySet<string>; readonly at: number }>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  add(change: Change): void {
    this.#changes.set(change.id, { change, at: this.#clock() });
    this.forgetOld();
  }

  /** What a session that goes now has heard of. */
  get ids(): string[] {
    return [...this.#changes.keys()];
  }

  /** A session came that has heard of these; answers the changes that it has not heard of. */
  arrived(session: string, heard: readonly string[]): Change[] {
    const ids = new Set(heard);
    if (ids.size > 0) this.#heard.set(session, { ids, at: this.#clock() });
    return [...this.#changes.values()].filter(({ change }) => !ids.has(change.id)).map(({ change }) => change);
  }

  /** Whether a session had heard of a change before it came here. */
  knows(session: string, change: Change): boolean {
    return this.#heard.get(session)?.ids.has(change.id) === true;
  }

  forgetOld(): void {
    const latest = this.#clock() - LASTING_MS;
    for (const map of [this.#changes, this.#heard]) {
      for (const [key, { at }] of map) {
        if (at > latest) break;
        map.delete(key);
      }
    }
  }
}
