import type { Moves } from '../../fleet/moves.ts';
import type { Elsewhere, Work } from '../elsewhere.ts';
import type { Sessions } from '../legacy/sessions.ts';
import type { Departures } from './departures.ts';
import { answerMisdirected } from './peer-answer.ts';

export interface ForPeersOptions {
  readonly sessions: Pick<Sessions, 'has'>;
  readonly moves: Moves;
  readonly departures: Departures;
}

/** For requests that a peer passed on: what is not here is said to be where it is, so that none makes two hops. */
export class ForPeers implements Elsewhere {
  readonly #options: ForPeersOptions;
  readonly hasRoom = false;
  readonly final = false;

  constructor(options: ForPeersOptions) {
    this.#options = options;
  }

  mayKnow(): boolean {
    return true;
  }

  async offer(): Promise<boolean> {
    return false;
  }

  serve(id: string, work: Work, again: () => void): void {
    const underway = this.#options.departures.underway(id);
    if (underway !== undefined) void underway.then(() => this.#answer(id, work, again));
    else this.#answer(id, work, again);
  }

  moveAway(id: string): Promise<boolean> {
    return this.#options.departures.move(id, { needsSlot: true });
  }

  #answer(id: string, { res }: Work, again: () => void): void {
    if (this.#options.sessions.has(id)) return again();
    const move = this.#options.moves.get(id);
    answerMisdirected(res, move === undefined ? { kind: 'unknown' } : { kind: 'moved', ...move });
  }
}
