import { tagOf } from '../../fleet/session-id.ts';
import type { SessionSnapshot } from '../../fleet/session-snapshot.ts';
import type { SessionStore } from '../../stores/session-store.ts';
import { answerSessionNotFound } from '../answers.ts';
import type { Elsewhere, Work } from '../elsewhere.ts';
import type { Refuse } from '../refusals.ts';

export interface FromStoreOptions {
  readonly store: SessionStore;
  readonly ownTag: string;
  readonly refuse: Refuse;
  arrive(snapshot: SessionSnapshot): void;
}

/** For a server with a store and no peers: what is in the store and not here was left by a process that is gone. */
export class FromStore implements Elsewhere {
  readonly #options: FromStoreOptions;
  readonly hasRoom = false;

  constructor(options: FromStoreOptions) {
    this.#options = options;
  }

  mayKnow(id: string): boolean {
    return tagOf(id) !== undefined;
  }

  async offer(): Promise<boolean> {
    return false;
  }

  async moveAway(): Promise<boolean> {
    return false;
  }

  serve(id: string, { res }: Work, again: () => void): void {
    const { store, ownTag, refuse, arrive } = this.#options;
    if (!this.mayKnow(id)) return answerSessionNotFound(res);
    void store.takeOver(id, ownTag).then((outcome) => {
      if (outcome === 'unknown') return answerSessionNotFound(res);
      if (outcome === 'away' || !('taken' in outcome)) return refuse(res, 'unreachable');
      arrive(outcome.taken);
      again();
    });
  }
}
