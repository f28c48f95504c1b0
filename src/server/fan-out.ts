import type { Change } from './notifier.ts';

/** Telling thousands of sessions in one go would keep everyone's calls waiting for as long as it takes. */
const SLICE_MS = 2;

interface Round {
  readonly change: Change;
  /** The ids of those who are still to be told. */
  readonly untold: Set<string>;
}

/** Tells many sessions of changes, a few in each turn of the event loop; each session in the order of the changes. */
export class FanOut {
  readonly #tell: (id: string, change: Change) => void;
  readonly #rounds: Round[] = [];

  /** `tell` passes over an id that is not here any more. */
  constructor(tell: (id: string, change: Change) => void) {
    this.#tell = tell;
  }

  add(change: Change, ids: Iterable<string>): void {
    this.#rounds.push({ change, untold: new Set(ids) });
    if (this.#rounds.length === 1) this.#run();
  }

  /** Tells one session now what it is still to be told, since it is about to go. */
  flush(id: string): void {
    for (const { change, untold } of this.#rounds) if (untold.delete(id)) this.#tell(id, change);
  }

  #run(): void {
    const end = performance.now() + SLICE_MS;
    for (let [round] = this.#rounds; round !== undefined; [round] = this.#rounds) {
      for (const id of round.untold) {
        round.untold.delete(id);
        this.#tell(id, round.change);
        if (performance.now() >= end) return void setImmediate(() => this.#run());
      }
      this.#rounds.shift();
    }
  }
}
