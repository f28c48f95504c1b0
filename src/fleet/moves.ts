/** Where a session went, and its epoch there. */
export interface Move {
  readonly address: string;
  readonly epoch: number;
}

/** A move is some 100 bytes here. */
const MOST_MOVES = 100_000;

/** Where sessions went that do not live where their id says: the newest moves that this pod heard of. */
export class Moves {
  readonly #moves = new Map<string, Move>();
  readonly #own: () => string;

  /** `own`: the address of this pod. What went here and is not here has ended, so such a move leads nowhere. */
  constructor(own: () => string) {
    this.#own = own;
  }

  get(id: string): Move | undefined {
    return this.#moves.get(id);
  }

  /** Takes note of a move, unless this one or a later one is known; answers whether it was news. */
  set(id: string, move: Move): boolean {
    if ((this.#moves.get(id)?.epoch ?? -1) >= move.epoch || move.address === this.#own()) return false;
    this.#moves.delete(id);
    this.#moves.set(id, move);
    const [oldest] = this.#moves.size > MOST_MOVES ? this.#moves.keys() : [];
    if (oldest !== undefined) this.#moves.delete(oldest);
    return true;
  }

  delete(id: string): void {
    this.#moves.delete(id);
  }
}
