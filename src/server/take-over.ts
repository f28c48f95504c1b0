import type { Seen, SessionStore } from '../stores/session-store.ts';
import type { Sessions } from './legacy/sessions.ts';
import type { Log } from './log.ts';

export interface TakeOverOptions {
  readonly store: SessionStore;
  readonly ownTag: () => string;
  readonly sessions: Pick<Sessions, 'has' | 'supersede' | 'arrive'>;
  readonly metrics: { sessionArrived(from: 'store'): void };
  readonly log: Log;
}

const MOST_UNREADABLE = 1_000;

/** How it ended: the session is here now, somebody else holds it, nobody knows it, or it can not be told now. */
export type TakenOver = 'here' | { readonly owner: string; readonly epoch: number } | 'unknown' | 'away';

/** Takes sessions from the store into this pod, each once, however many requests ask for it at the same time. */
export class TakeOvers {
  readonly #options: TakeOverOptions;
  readonly #underway = new Map<string, Promise<TakenOver>>();
  /** Whose records can not be read, as was said already: clients ask again and again. */
  readonly #unreadable = new Set<string>();

  constructor(options: TakeOverOptions) {
    this.#options = options;
  }

  /** Takes a session over if it is still as `seen`. */
  take(id: string, seen?: Seen): Promise<TakenOver> {
    const underway = this.#underway.get(id);
    if (underway !== undefined) return underway;
    if (this.#options.sessions.has(id)) return Promise.resolve('here');
    const taking = this.#take(id, seen).finally(() => this.#underway.delete(id));
    this.#underway.set(id, taking);
    return taking;
  }

  async #take(id: string, seen: Seen | undefined): Promise<TakenOver> {
    const { store, ownTag, sessions, metrics, log } = this.#options;
    try {
      const outcome = await store.takeOver(id, ownTag(), seen);
      if (typeof outcome === 'string') return outcome;
      if ('heldBy' in outcome) return { owner: outcome.heldBy, epoch: outcome.epoch };
      // A peer may have handed it over meanwhile; this copy is the newer one.
      sessions.supersede(id);
      sessions.arrive(outcome.taken);
      metrics.sessionArrived('store');
      // Whoever hears that it is here looks here, and comes back when it is not.
      return sessions.has(id) ? 'here' : 'unknown';
    } catch (error) {
      // A record that can not be read is none.
      if (!this.#unreadable.has(id)) log.error({ session: id, err: error }, 'Could not take over session');
      if (this.#unreadable.size >= MOST_UNREADABLE) this.#unreadable.clear();
      this.#unreadable.add(id);
      return 'unknown';
    }
  }
}
