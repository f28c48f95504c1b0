import { tagOf } from '../../fleet/session-id.ts';
import { answerSessionNotFound } from '../answers.ts';
import type { Elsewhere, Work } from '../elsewhere.ts';
import type { Refuse } from '../refusals.ts';
import type { TakeOvers } from '../take-over.ts';

export interface FromStoreOptions {
  readonly takeOvers: TakeOvers;
  readonly refuse: Refuse;
}

/** For a server with a store and no peers: what is in the store and not here was left by a process that is gone. */
export class FromStore implements Elsewhere {
  readonly #options: FromStoreOptions;
  readonly hasRoom = false;
  readonly final = true;

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
    const { takeOvers, refuse } = this.#options;
    if (!this.mayKnow(id)) return answerSessionNotFound(res);
    void takeOvers.take(id).then((outcome) => {
      if (outcome === 'here') again();
      else if (outcome === 'unknown') answerSessionNotFound(res);
      else refuse(res, 'unreachable');
    });
  }
}
